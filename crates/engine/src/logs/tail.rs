//! Finds where the last lines of a log begin, from the end.

use std::os::unix::fs::FileExt as _;

use super::files::LogFile;

/// Bytes read at once, backwards.
const CHUNK: usize = 64 << 10;

/// Where to begin: index of the file and offset in it. As docker, lines of both streams count.
///
/// # Errors
/// The host's file system fails.
pub(super) fn start(files: &[LogFile], lines: usize) -> std::io::Result<(usize, u64)> {
    let mut left = lines;
    for (index, file) in files.iter().enumerate().rev() {
        match back(file, &mut left)? {
            Some(offset) => return Ok((index, offset)),
            None if index == 0 => return Ok((0, 0)),
            None => {}
        }
    }
    Ok((0, 0))
}

/// Goes back over `left` lines of a file; `None` if it has fewer.
fn back(file: &LogFile, left: &mut usize) -> std::io::Result<Option<u64>> {
    let mut end = file.file.metadata()?.len();
    let mut buffer = vec![0; CHUNK];
    // The line end at the very end closes the last line; what comes before it counts.
    let mut seen = false;
    while end > 0 {
        let size = CHUNK.min(usize::try_from(end).unwrap_or(CHUNK));
        let from = end - size as u64;
        let Some(chunk) = buffer.get_mut(..size) else { break };
        file.file.read_exact_at(chunk, from)?;
        for (position, _) in chunk.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            if !seen {
                seen = true;
                if *left == 0 {
                    return Ok(Some(from + position as u64 + 1));
                }
                continue;
            }
            *left -= 1;
            if *left == 0 {
                return Ok(Some(from + position as u64 + 1));
            }
        }
        end = from;
    }
    if seen {
        *left = left.saturating_sub(1);
        if *left == 0 {
            return Ok(Some(0));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(text: &str) -> LogFile {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        LogFile { file, inode: 0 }
    }

    #[test]
    fn the_last_lines_are_found_across_files() {
        let files = [file("1\n2\n"), file("3\n4\n5\n")];
        let expected = [(1, 6), (1, 4), (1, 2), (1, 0), (0, 2), (0, 0), (0, 0)];
        for (lines, expected) in expected.into_iter().enumerate() {
            assert_eq!(start(&files, lines).unwrap(), expected, "{lines} lines");
        }
        assert_eq!(start(&[], 3).unwrap(), (0, 0));
    }

    #[test]
    fn long_lines_cross_chunks() {
        let line = format!("{}\n", "x".repeat(CHUNK));
        let files = [file(&line.repeat(5))];
        assert_eq!(start(&files, 2).unwrap(), (0, 3 * line.len() as u64));
    }
}
