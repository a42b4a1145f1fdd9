use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::layer::{Attributes, LayerWriter, Owner, from_upper, unpack};

fn unpacked(root: &Path, number: usize, tar: &[u8]) -> PathBuf {
    let folder = root.join(number.to_string());
    std::fs::create_dir(&folder).expect("a folder");
    let mut data = File::create(folder.join(DATA_FILE)).expect("a file");
    let index = unpack(&mut &*tar, &mut data).expect("a layer");
    data.set_len(Index::decode(&index).expect("an index").data_len).expect("a length");
    std::fs::write(folder.join(INDEX_FILE), index).expect("written");
    folder
}

fn tree_of(layers: &[LayerWriter]) -> (tempfile::TempDir, Vec<PathBuf>, Tree) {
    let root = tempfile::tempdir().expect("a folder");
    let tars = layers.iter().map(|layer| {
        let mut tar = Vec::new();
        layer.write(&mut tar).expect("memory");
        tar
    });
    let paths: Vec<_> = tars.enumerate().map(|(number, tar)| unpacked(root.path(), number, &tar)).collect();
    let tree = Tree::open(&paths).expect("a tree");
    (root, paths, tree)
}

fn layer(fill: impl FnOnce(&mut LayerWriter)) -> LayerWriter {
    let mut layer = LayerWriter::new();
    fill(&mut layer);
    layer
}

fn file(layer: &mut LayerWriter, path: &str, content: &str) {
    layer.bytes(path.as_bytes(), Attributes::FILE, content.into()).expect("a name");
}

/// All paths with what is there.
fn listing(tree: &Tree) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![(String::new(), Tree::ROOT)];
    while let Some((path, node)) = open.pop() {
        for (name, child) in tree.children(node) {
            let path = format!("{path}/{}", String::from_utf8_lossy(name));
            let content = match tree.node(child).kind {
                NodeKind::Directory => "/".to_owned(),
                NodeKind::Symlink => format!("> {}", String::from_utf8_lossy(tree.link_target(child))),
                NodeKind::File => String::from_utf8(tree.read(child, 100).expect("readable")).expect("text"),
            };
            found.insert(path.clone(), content);
            open.push((path, child));
        }
    }
    found
}

#[test]
fn no_layers_make_an_empty_root() {
    let tree = Tree::open(&[]).expect("a tree");
    assert_eq!(tree.children(Tree::ROOT).count(), 0);
    assert_eq!(tree.lookup("/"), Some(Tree::ROOT));
    assert_eq!(tree.node(NodeId(9)).kind, NodeKind::Directory);
}

#[test]
fn upper_layers_replace_hide_and_merge() {
    let (_root, _, tree) = tree_of(&[
        layer(|l| {
            l.folder(b"d", Attributes { mode: 0o700, uid: 7, ..Attributes::FOLDER }).expect("a name");
            file(l, "d/kept", "1");
            file(l, "d/gone", "1");
            file(l, "o/hidden", "1");
            file(l, "becomes-folder", "1");
            file(l, "becomes-file/x", "1");
            file(l, "replaced/x", "1");
        }),
        layer(|l| {
            file(l, "d/new", "2");
            l.whiteout(b"d/gone").expect("a name");
            l.opaque(b"o").expect("a name");
            file(l, "o/seen", "2");
            file(l, "becomes-folder/x", "2");
            file(l, "becomes-file", "2");
            l.whiteout(b"replaced").expect("a name");
            file(l, "replaced/y", "2");
        }),
    ]);
    insta::assert_debug_snapshot!(listing(&tree), @r#"
    {
        "/becomes-file": "2",
        "/becomes-folder": "/",
        "/becomes-folder/x": "2",
        "/d": "/",
        "/d/kept": "1",
        "/d/new": "2",
        "/o": "/",
        "/o/seen": "2",
        "/replaced": "/",
        "/replaced/y": "2",
    }
    "#);
    let folder = tree.node(tree.lookup("d").expect("there"));
    assert_eq!((folder.mode, folder.uid), (0o700, 7), "an implied folder keeps the attributes below");
}

#[test]
fn hard_links_share_a_node_and_count() {
    let (_root, _, tree) = tree_of(&[
        layer(|l| {
            file(l, "a", "x");
            l.hard_link(b"b", b"a").expect("a name");
            l.hard_link(b"c", b"a").expect("a name");
        }),
        layer(|l| l.whiteout(b"a").expect("a name")),
    ]);
    assert_eq!(tree.lookup("a"), None);
    assert_eq!(tree.lookup("b"), tree.lookup("c"));
    assert_eq!(tree.node(tree.lookup("b").expect("there")).nlink, 2);
}

#[test]
fn links_are_followed_within_the_tree_up_to_a_limit() {
    let (_root, _, tree) = tree_of(&[layer(|l| {
        let mut link =
            |path: &str, to: &str| l.symlink(path.as_bytes(), Attributes::FILE, to.as_bytes()).expect("a name");
        link("up", "../../../etc/file");
        link("etc/abs", "/etc/file");
        link("etc/rel", "./file");
        link("loop", "loop");
        link("dir", "etc/");
        link("file-as-folder", "etc/file/");
        link("hop0", "etc/file");
        for hop in 1..=40 {
            link(&format!("hop{hop}"), &format!("hop{}", hop - 1));
        }
        file(l, "etc/file", "x");
    })]);
    let target = tree.lookup("/etc/file");
    assert!(target.is_some());
    for path in ["up", "etc/abs", "/etc/rel", "dir/abs", "etc//./file", "../etc/file", "dir/../etc/file", "hop39"] {
        assert_eq!(tree.lookup(path), target, "{path}");
    }
    for path in ["loop", "hop40", "etc/file/", "etc/file/x", "file-as-folder", "nothing", "etc/file/.."] {
        assert_eq!(tree.lookup(path), None, "{path}");
    }
}

#[test]
fn reads_stay_within_their_file() {
    let (_root, _, tree) = tree_of(&[layer(|l| {
        file(l, "a", "secret");
        file(l, "b", "bytes");
        file(l, "c", "other");
    })]);
    let b = tree.lookup("b").expect("there");
    let mut buffer = [0; 16];
    assert_eq!(tree.read_at(b, &mut buffer, 2).expect("readable"), 3);
    assert_eq!(&buffer[..3], b"tes");
    assert_eq!(tree.read_at(b, &mut buffer, 5).expect("readable"), 0);
    assert_eq!(tree.read_at(b, &mut buffer, u64::MAX).expect("readable"), 0);
    assert_eq!(tree.read(b, 4).expect_err("too large").kind(), io::ErrorKind::FileTooLarge);
}

#[test]
fn a_damaged_layer_is_refused() {
    let (_root, paths, _) = tree_of(&[layer(|l| file(l, "a", "x"))]);
    let data = paths[0].join(DATA_FILE);
    std::fs::write(&data, b"").expect("written");
    assert!(matches!(Tree::open(&paths), Err(TreeError::Corrupt { .. })));
    std::fs::remove_file(&data).expect("removed");
    assert!(matches!(Tree::open(&paths), Err(TreeError::Io { .. })));
}

#[test]
fn an_upper_folder_becomes_a_layer_that_makes_the_same_files() {
    let (root, mut paths, lower) = tree_of(&[layer(|l| {
        l.bytes(b"owned", Attributes { uid: 5, gid: 6, ..Attributes::FILE }, b"1".to_vec()).expect("a name");
        file(l, "gone", "1");
        file(l, "o/old", "1");
    })]);
    let upper = root.path().join("upper");
    std::fs::create_dir_all(upper.join("o")).expect("a folder");
    for (name, content) in
        [("owned", "22"), (".wh.gone", ""), (".wh.never", ""), ("o/.wh..wh..opq", ""), ("o/new", "2")]
    {
        std::fs::write(upper.join(name), content).expect("written");
    }
    std::os::unix::fs::symlink("/etc/passwd", upper.join("link")).expect("a link");
    std::fs::hard_link(upper.join("owned"), upper.join("second")).expect("a link");
    let mut tar = Vec::new();
    from_upper(&upper, &lower, Owner { uid: 8, gid: 9 }, &mut tar).expect("a layer");
    let mut again = Vec::new();
    from_upper(&upper, &lower, Owner { uid: 8, gid: 9 }, &mut again).expect("a layer");
    assert!(tar == again, "the same folder makes the same tar");
    paths.push(unpacked(root.path(), 1, &tar));
    let tree = Tree::open(&paths).expect("a tree");
    insta::assert_debug_snapshot!(listing(&tree), @r#"
    {
        "/link": "> /etc/passwd",
        "/o": "/",
        "/o/new": "2",
        "/owned": "22",
        "/second": "22",
    }
    "#);
    assert_eq!(tree.node(tree.lookup("owned").expect("there")).uid, 5);
    assert_eq!(tree.node(tree.lookup("o/new").expect("there")).gid, 9);
    assert_eq!(tree.lookup("owned"), tree.lookup("second"));
    assert!(!String::from_utf8_lossy(&tar).contains("never"));
}

#[test]
fn an_exported_layer_unpacks_to_the_same_index() {
    let long = "l".repeat(150);
    let (root, paths, _) = tree_of(&[layer(|l| {
        l.folder(b"", Attributes { mode: 0o711, ..Attributes::FOLDER }).expect("a name");
        file(l, &format!("{long}/{long}"), "x");
        l.hard_link(b"z", format!("{long}/{long}").as_bytes()).expect("a name");
        l.symlink(b"s", Attributes::FILE, long.as_bytes()).expect("a name");
        l.opaque(b"o").expect("a name");
        l.whiteout(b"w").expect("a name");
    })]);
    let mut tar = Vec::new();
    crate::layer::export(&paths[0], &mut tar).expect("exported");
    let again = unpacked(root.path(), 1, &tar);
    let index = |path: &Path| std::fs::read(path.join(INDEX_FILE)).expect("readable");
    assert!(index(&paths[0]) == index(&again));
}

/// A change to a set of files, and to layers that shall say the same.
#[derive(Debug, Clone)]
enum Change {
    Write(String),
    Remove(String),
    NewLayer,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let path = "[ab](/[ab]){0,2}";
    let change = prop_oneof![
        3 => path.prop_map(Change::Write),
        2 => path.prop_map(Change::Remove),
        1 => Just(Change::NewLayer),
    ];
    prop::collection::vec(change, 0..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_merged_tree_holds_what_a_plain_folder_would(changes in changes()) {
        let mut model: BTreeMap<String, String> = BTreeMap::new();
        let mut layers = vec![LayerWriter::new()];
        for (number, change) in changes.iter().enumerate() {
            match change {
                Change::NewLayer => layers.push(LayerWriter::new()),
                // One layer for each change, so that a layer never removes what it has itself.
                Change::Write(path) => {
                    let below_file = path.match_indices('/').any(|(end, _)| model.contains_key(&path[..end]));
                    if below_file { continue; }
                    model.retain(|other, _| !other.starts_with(&format!("{path}/")));
                    model.insert(path.clone(), number.to_string());
                    layers.push(layer(|l| file(l, path, &number.to_string())));
                }
                Change::Remove(path) => {
                    // Only what is there gets a whiteout.
                    let within = format!("{path}/");
                    if !model.keys().any(|other| other == path || other.starts_with(&within)) { continue; }
                    model.retain(|other, _| other != path && !other.starts_with(&format!("{path}/")));
                    layers.push(layer(|l| l.whiteout(path.as_bytes()).expect("a name")));
                }
            }
        }
        let (_root, _, tree) = tree_of(&layers);
        let files: BTreeMap<_, _> = listing(&tree).into_iter().filter(|(_, content)| content != "/").collect();
        let expected: BTreeMap<_, _> = model.into_iter().map(|(path, content)| (format!("/{path}"), content)).collect();
        prop_assert_eq!(files, expected);
    }
}
