//! `getopts` (POSIX.1-2017, XCU getopts).

use crate::shell::{Run, Shell};

pub(super) fn getopts(shell: &mut Shell, args: &[String]) -> Run {
    let (Some(options), Some(name)) = (args.get(1), args.get(2)) else {
        shell.complain("getopts: Usage: getopts optstring var [arg...]");
        return Ok(2);
    };
    let given: Vec<String> = match args.get(3..) {
        Some(given) if !given.is_empty() => given.to_vec(),
        _ => shell.state.positional.iter().map(|value| value.to_string()).collect(),
    };
    let silent = options.starts_with(':');
    let index: usize = shell.state.get("OPTIND").and_then(|text| text.parse().ok()).unwrap_or(1).max(1);
    let offset = shell.state.option_offset;
    let word = given.get(index - 1).filter(|word| word.len() > 1 && word.starts_with('-'));
    let Some(word) = word.filter(|word| *word != "--") else {
        let end = index + usize::from(word.is_some());
        return finish(shell, name, end);
    };
    let letters: Vec<char> = word.chars().skip(1).collect();
    let Some(letter) = letters.get(offset).copied() else { return finish(shell, name, index) };
    let last = offset + 1 >= letters.len();
    let (next, next_offset) = if last { (index + 1, 0) } else { (index, offset + 1) };
    let known = letter != ':' && options.contains(letter);
    if !known {
        if !silent {
            let _ = shell.write(2, &format!("Illegal option -{letter}\n"));
        }
        return report(shell, name, "?", silent.then(|| letter.to_string()), next, next_offset);
    }
    let takes_value = options.split_once(letter).is_some_and(|(_, after)| after.starts_with(':'));
    if !takes_value {
        return report(shell, name, &letter.to_string(), None, next, next_offset);
    }
    if !last {
        let value: String = letters.iter().skip(offset + 1).collect();
        return report(shell, name, &letter.to_string(), Some(value), index + 1, 0);
    }
    match given.get(index) {
        Some(value) => report(shell, name, &letter.to_string(), Some(value.clone()), index + 2, 0),
        None if silent => report(shell, name, ":", Some(letter.to_string()), index + 1, 0),
        None => {
            let _ = shell.write(2, &format!("No arg for -{letter} option\n"));
            report(shell, name, "?", None, index + 1, 0)
        }
    }
}

fn report(shell: &mut Shell, name: &str, letter: &str, value: Option<String>, index: usize, offset: usize) -> Run {
    shell.assign(name, letter)?;
    match value {
        Some(value) => shell.assign("OPTARG", &value)?,
        None => {
            shell.state.variables.remove("OPTARG");
        }
    }
    shell.assign("OPTIND", &index.to_string())?;
    shell.state.option_offset = offset;
    Ok(0)
}

fn finish(shell: &mut Shell, name: &str, index: usize) -> Run {
    shell.assign(name, "?")?;
    shell.state.variables.remove("OPTARG");
    shell.assign("OPTIND", &index.to_string())?;
    Ok(1)
}
