//! The commands that are uutils' own.

use std::ffi::OsString;

/// A command's entry.
type Main = fn(std::vec::IntoIter<OsString>) -> i32;

/// The entry of a command by its name.
pub(crate) fn by_name(name: &str) -> Option<Main> {
    let found = NAMES.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
    NAMES.get(found).map(|(_, main)| *main)
}

/// All commands, sorted by name.
pub(crate) const NAMES: &[(&str, Main)] = &[
    ("[", uu_test::uumain),
    ("arch", uu_arch::uumain),
    ("b2sum", uu_b2sum::uumain),
    ("base32", uu_base32::uumain),
    ("base64", uu_base64::uumain),
    ("basename", uu_basename::uumain),
    ("basenc", uu_basenc::uumain),
    ("cat", uu_cat::uumain),
    ("cksum", uu_cksum::uumain),
    ("comm", uu_comm::uumain),
    ("cp", uu_cp::uumain),
    ("csplit", uu_csplit::uumain),
    ("cut", uu_cut::uumain),
    ("date", uu_date::uumain),
    ("dd", uu_dd::uumain),
    ("dir", uu_dir::uumain),
    ("dirname", uu_dirname::uumain),
    ("echo", uu_echo::uumain),
    ("expand", uu_expand::uumain),
    ("expr", uu_expr::uumain),
    ("factor", uu_factor::uumain),
    ("fmt", uu_fmt::uumain),
    ("fold", uu_fold::uumain),
    ("head", uu_head::uumain),
    ("join", uu_join::uumain),
    ("link", uu_link::uumain),
    ("ln", uu_ln::uumain),
    ("ls", uu_ls::uumain),
    ("md5sum", uu_md5sum::uumain),
    ("mkdir", uu_mkdir::uumain),
    ("mktemp", uu_mktemp::uumain),
    ("mv", uu_mv::uumain),
    ("nl", uu_nl::uumain),
    ("nproc", uu_nproc::uumain),
    ("numfmt", uu_numfmt::uumain),
    ("od", uu_od::uumain),
    ("paste", uu_paste::uumain),
    ("pathchk", uu_pathchk::uumain),
    ("pr", uu_pr::uumain),
    ("printenv", uu_printenv::uumain),
    ("printf", uu_printf::uumain),
    ("pwd", uu_pwd::uumain),
    ("readlink", uu_readlink::uumain),
    ("realpath", uu_realpath::uumain),
    ("rm", uu_rm::uumain),
    ("rmdir", uu_rmdir::uumain),
    ("sed", sed::sed::uumain),
    ("seq", uu_seq::uumain),
    ("sha1sum", uu_sha1sum::uumain),
    ("sha224sum", uu_sha224sum::uumain),
    ("sha256sum", uu_sha256sum::uumain),
    ("sha384sum", uu_sha384sum::uumain),
    ("sha512sum", uu_sha512sum::uumain),
    ("shred", uu_shred::uumain),
    ("shuf", uu_shuf::uumain),
    ("sleep", uu_sleep::uumain),
    ("sort", uu_sort::uumain),
    ("split", uu_split::uumain),
    ("sum", uu_sum::uumain),
    ("tac", uu_tac::uumain),
    ("tail", uu_tail::uumain),
    ("tee", uu_tee::uumain),
    ("test", uu_test::uumain),
    ("touch", uu_touch::uumain),
    ("tr", uu_tr::uumain),
    ("truncate", uu_truncate::uumain),
    ("tsort", uu_tsort::uumain),
    ("uname", uu_uname::uumain),
    ("unexpand", uu_unexpand::uumain),
    ("uniq", uu_uniq::uumain),
    ("unlink", uu_unlink::uumain),
    ("vdir", uu_vdir::uumain),
    ("wc", uu_wc::uumain),
    ("yes", uu_yes::uumain),
];

/// Runs one of them as its own program would be run.
pub(crate) fn run(name: &str, main: Main, args: Vec<OsString>) -> i32 {
    use std::io::Write as _;
    // Several commands share one's texts. Without them a command still works; it only speaks in keys.
    let texts = match name {
        "[" => "test",
        "dir" | "vdir" => "ls",
        name => name,
    };
    let _ = uucore::locale::setup_localization(texts);
    let status = main(args.into_iter());
    match std::io::stdout().flush() {
        Err(e) if status == 0 && e.kind() != std::io::ErrorKind::BrokenPipe => 1,
        _ => status,
    }
}
