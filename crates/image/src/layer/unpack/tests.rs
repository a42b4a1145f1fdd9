use proptest::prelude::*;
use tar::{Builder, Header};

use super::*;
use crate::layer::{MAX_PATH_LEN, MAX_PAX_LEN};

/// A tar of entries (type, name, link target, data), whatever they say.
fn tar_of(entries: &[(EntryType, &str, &str, &[u8])]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (kind, name, link, data) in entries {
        tar.append(&header(*kind, name, link, data.len() as u64), *data).expect("memory");
    }
    tar.into_inner().expect("memory")
}

fn header(kind: EntryType, name: &str, link: &str, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1);
    header.set_size(size);
    let old = header.as_old_mut();
    old.name[..name.len()].copy_from_slice(name.as_bytes());
    old.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_cksum();
    header
}

const FILE: EntryType = EntryType::Regular;
const FOLDER: EntryType = EntryType::Directory;
const LINK: EntryType = EntryType::Symlink;
const HARD: EntryType = EntryType::Link;

fn refusal(tar: &[u8]) -> String {
    check(tar).expect_err("hostile").to_string()
}

/// The index as lines of text, and the data.
fn listing(tar: &[u8]) -> (Vec<String>, Vec<u8>) {
    let mut data = io::Cursor::new(Vec::new());
    let bytes = unpack(&mut &*tar, &mut data).expect("fine");
    let index = Index::decode(&bytes).expect("just written");
    let lines = index.records.iter().map(|r| format!("{} {} {:?}", r.parent, String::from_utf8_lossy(r.name), r.body));
    (lines.collect(), data.into_inner())
}

#[test]
fn an_unknown_type_is_named_as_the_tar_has_it() {
    let reason = refusal(&tar_of(&[(EntryType::new(b'Z'), "x", "", b"")]));
    assert!(reason.contains("entries of type 'Z' are not supported"), "{reason}");
    let reason = refusal(&tar_of(&[(EntryType::new(0xff), "x", "", b"")]));
    assert!(reason.contains("type '\\xff'"), "{reason}");
}

#[test]
fn climbing_names_and_links_are_refused_by_name() {
    for (tar, reason) in [
        (tar_of(&[(FILE, "../x", "", b"")]), "`..`"),
        (tar_of(&[(FILE, "a/../../x", "", b"")]), "`..`"),
        (tar_of(&[(FILE, ".wh...", "", b"")]), "whiteout"),
        (tar_of(&[(FILE, ".wh.", "", b"")]), "whiteout"),
        (tar_of(&[(FILE, ".wh.x/y", "", b"")]), "whiteout"),
        (tar_of(&[(HARD, "x", "../../etc/passwd", b"")]), "`..`"),
        (tar_of(&[(HARD, "x", "/etc/passwd", b"")]), "hard link"),
        (tar_of(&[(HARD, "x", "y", b""), (FILE, "y", "", b"")]), "hard link"),
        (tar_of(&[(FOLDER, "d", "", b""), (HARD, "x", "d", b"")]), "hard link"),
        (tar_of(&[(LINK, "l", "/etc", b""), (FILE, "l/passwd", "", b"")]), "below a file or a link"),
        (tar_of(&[(FILE, "f", "", b""), (FILE, "f/x", "", b"")]), "below a file or a link"),
        (tar_of(&[(LINK, "l", "", b"")]), "no target"),
        (tar_of(&[(FILE, "./.", "", b"")]), "root"),
        (tar_of(&[(EntryType::Char, "null", "", b"")]), "device nodes"),
        (tar_of(&[(EntryType::Block, "sda", "", b"")]), "device nodes"),
        (tar_of(&[(EntryType::Fifo, "run/pipe", "", b"")]), "device nodes"),
        (tar_of(&[(EntryType::GNUSparse, "s", "", b"")]), "sparse"),
        (tar_of(&[(EntryType::new(b'V'), "volume", "", b"")]), "not supported"),
    ] {
        let message = refusal(&tar);
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn absolute_links_are_kept_and_devices_below_dev_are_skipped() {
    let (lines, _) = listing(&tar_of(&[(LINK, "l", "/etc/x", b""), (EntryType::Char, "dev/null", "", b"")]));
    assert_eq!(lines.len(), 2);
    assert!(lines[1].contains("Symlink"), "{lines:?}");
}

#[test]
fn later_entries_replace_earlier_ones_and_hard_links_keep_what_they_name() {
    let (lines, data) = listing(&tar_of(&[
        (FILE, "a", "", b"old"),
        (HARD, "b", "./a", b""),
        (FILE, "a", "", b"newer"),
        (FOLDER, "d", "", b""),
        (FILE, "d/x", "", b"gone"),
        (FILE, "d", "", b""),
        (FILE, "A", "", b"case"),
        (HARD, "c", "b", b""),
    ]));
    insta::assert_debug_snapshot!(lines, @r#"
    [
        "0  Directory { opaque: false, implied: true }",
        "0 A File { offset: 12, size: 4 }",
        "0 a File { offset: 3, size: 5 }",
        "0 b File { offset: 0, size: 3 }",
        "0 c HardLink { record: 3 }",
        "0 d File { offset: 12, size: 0 }",
    ]
    "#);
    assert_eq!(data, b"oldnewergonecase");
}

#[test]
fn whiteouts_come_before_what_their_folder_holds() {
    let (lines, _) = listing(&tar_of(&[
        (FILE, "d/new", "", b""),
        (FILE, "d/.wh.old", "", b""),
        (FILE, "d/.wh..wh..opq", "", b""),
        (FILE, ".wh..wh.plnk", "", b""),
    ]));
    insta::assert_debug_snapshot!(lines, @r#"
    [
        "0  Directory { opaque: false, implied: true }",
        "0 d Directory { opaque: true, implied: true }",
        "1 old Whiteout",
        "1 new File { offset: 0, size: 0 }",
    ]
    "#);
}

#[test]
fn claims_of_size_cost_nothing() {
    let huge = |kind, size| header(kind, "x", "", size).as_bytes().to_vec();
    assert!(refusal(&huge(FILE, MAX_LAYER_BYTES + 1)).contains("bytes in the files"));
    assert!(refusal(&huge(FILE, 1 << 30)).contains("cannot read the layer"));
    assert!(refusal(&huge(EntryType::GNULongName, 1 << 40)).contains("bytes in a name"));
    assert!(refusal(&huge(EntryType::GNULongLink, MAX_PATH_LEN as u64 + 2)).contains("bytes in a name"));
    assert!(refusal(&huge(EntryType::XHeader, MAX_PAX_LEN + 1)).contains("extended header"));
    assert!(refusal(&huge(FOLDER, 100)).contains("truncated"));
}

#[test]
fn marks_that_mean_nothing_make_no_folder() {
    let (lines, _) = listing(&tar_of(&[(FILE, "d/.wh..wh.plnk", "", b""), (FILE, ".wh..wh.aufs", "", b"")]));
    assert_eq!(lines.len(), 1, "{lines:?}");
}

#[test]
fn many_names_of_one_long_link_count_with_its_target() {
    let names = MAX_NAMES_LEN as usize / MAX_PATH_LEN;
    let mut tar = Builder::new(Vec::new());
    let mut link = header(LINK, "l", "", 0);
    tar.append_link(&mut link, "l", "t".repeat(MAX_PATH_LEN)).expect("memory");
    let mut tar = tar.into_inner().expect("memory");
    tar.truncate(tar.len() - 1024);
    for number in 0..names {
        tar.extend_from_slice(header(HARD, &number.to_string(), "l", 0).as_bytes());
    }
    tar.extend_from_slice(&[0; 1024]);
    assert!(refusal(&tar).contains("bytes in the names of a layer"));
}

#[test]
fn pax_names_sparse_files_and_bad_records_are_seen() {
    let pax = |record: &str| tar_of(&[(EntryType::XHeader, "p", "", record.as_bytes()), (FILE, "f", "", b"")]);
    assert!(listing(&pax("15 path=päx/f\n")).0[1].contains("päx"));
    assert!(refusal(&pax("13 path=../f\n")).contains("`..`"));
    assert!(refusal(&pax("22 GNU.sparse.major=1\n")).contains("sparse"));
    assert!(refusal(&pax("99 path=f\n")).contains("malformed"));
    assert!(refusal(&pax("29 size=18446744073709551615\n")).contains("size"));
    assert!(refusal(&pax("18 uid=4294967296\n")).contains("owner"));
}

#[test]
fn a_damaged_header_or_a_cut_tar_is_refused() {
    let tar = tar_of(&[(FILE, "a", "", b"data")]);
    let mut damaged = tar.clone();
    damaged[0] ^= 1;
    assert!(refusal(&damaged).contains("checksum"));
    for cut in [1, 511, 513, 515] {
        assert!(check(&tar[..cut]).is_err(), "cut at {cut}");
    }
    for cut in [516, 1000, 1024] {
        assert_eq!(check(&tar[..cut]).expect("without padding or end mark"), 2);
    }
}

#[test]
fn zeros_leave_holes() {
    let zeros = vec![0; 4 * COPY_BYTES];
    let mut file = tempfile::tempfile().expect("a file");
    unpack(&mut &*tar_of(&[(FILE, "z", "", &zeros)]), &mut file).expect("fine");
    assert_eq!(file.metadata().expect("open").len(), 0, "the caller sets the length");
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        let _ = check(&bytes);
    }

    #[test]
    fn arbitrary_entries_make_a_sound_index_or_are_refused(
        entries in prop::collection::vec(
            (prop::sample::select(vec![FILE, FOLDER, LINK, HARD]), "[ab./]{1,6}|(a/)?\\.wh\\.[ab.]{1,3}", "[ab./]{1,4}"),
            0..12,
        )
    ) {
        let entries: Vec<_> = entries.iter().map(|(kind, name, link)| {
            let link = if matches!(*kind, LINK | HARD) { link.as_str() } else { "" };
            (*kind, name.as_str(), link, &b""[..])
        }).collect();
        // `check` decodes what it wrote: an error there would be one of this room's own.
        if let Err(LayerError::Malformed { reason, .. }) = check(&tar_of(&entries)) {
            prop_assert!(false, "{reason}");
        }
    }
}
