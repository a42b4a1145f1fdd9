//! A context as the client packs it, built.

use sprat_context::{Extra, ExtraContent, PackOptions, pack};

use super::*;

#[test]
fn a_packed_folder_with_a_compiled_program_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(".dockerignore", "*\n!data.txt\n");
    write("data.txt", "data");
    write("secret", "secret");
    std::os::unix::fs::symlink("data.txt", folder.path().join("link")).unwrap();
    let bytes = |path: &str, text: &str| Extra { path: path.into(), content: ExtraContent::Bytes(text.into()) };
    let dockerfile = "FROM scratch\nCOPY hello.wasm /\nCOPY . /all/\nENTRYPOINT [\"/hello.wasm\"]\n";
    let extras = vec![bytes("hello.wasm", "program"), bytes("Dockerfile", dockerfile)];
    let mut tar = Vec::new();
    pack(folder.path(), &PackOptions { dockerfile: String::new(), extras }, &mut tar, &mut |_| {}).unwrap();
    let built = House::new().build_tar(tar, BuildOptions::default());
    assert_eq!(built.files(), ["all/", "all/data.txt", "all/hello.wasm", "hello.wasm"]);
}
