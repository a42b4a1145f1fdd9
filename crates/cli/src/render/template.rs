//! Go templates for `--format`, as docker has them.

use std::collections::HashMap;

use gtmpl::error::{ExecError, ParseError};
use gtmpl::{FuncError, Template as Parsed, Value as Go};
use serde_json::Value;

use crate::error::CliError;

/// Exit status for a wrong template, as docker has it.
const WRONG_TEMPLATE: u8 = 64;

/// Bytes of the longest template, and its deepest parentheses: the parser recurses.
const LONGEST: usize = 16 * 1024;
const DEEPEST: usize = 64;

/// Field of a row that holds its labels one by one, for docker's method `.Label "name"`; lists don't show it.
pub(crate) const LABELS: &str = ".Label";

/// Fields that an error names.
const FIELDS_NAMED: usize = 40;

/// A template that was understood.
pub(crate) struct Template<'a> {
    text: &'a str,
    parsed: Parsed,
}

impl<'a> Template<'a> {
    /// Reads a template.
    pub(crate) fn parse(text: &'a str) -> Result<Self, CliError> {
        let wrong = |why: &str| {
            CliError::new(format!("failed to parse template {:?}", short(text)))
                .why(why)
                .fix("write fields as --format json shows them: {{.ID}}, {{json .}}")
                .status(WRONG_TEMPLATE)
        };
        if text.len() > LONGEST {
            return Err(wrong(&format!("it has more than {LONGEST} bytes")));
        }
        if depth(text) > DEEPEST {
            return Err(wrong(&format!("it is nested more than {DEEPEST} deep")));
        }
        let mut parsed = Parsed::default();
        parsed.add_func("json", to_json);
        parsed.add_func("upper", |args| map("upper", args, |s| s.to_uppercase()));
        parsed.add_func("lower", |args| map("lower", args, |s| s.to_lowercase()));
        parsed.add_func("title", |args| map("title", args, capitalised));
        parsed.add_func("join", join);
        parsed.add_func("label", label);
        let unescaped = label_calls(&text.replace("\\t", "\t").replace("\\n", "\n"));
        parsed.parse(unescaped).map_err(|error| match error {
            ParseError::WithContext(_, why) => wrong(&why.replace("  ", " ")),
            other => wrong(&other.to_string()),
        })?;
        Ok(Self { text, parsed })
    }

    /// Fills it in.
    pub(crate) fn render(&self, value: &Value) -> Result<String, CliError> {
        self.parsed.render(&gtmpl::Context::from(go(value))).map_err(|error| self.failed(&error))
    }

    /// The parser's errors print whole values in Rust's notation; these are for users.
    fn failed(&self, error: &ExecError) -> CliError {
        let (why, fix) = match error {
            ExecError::NoFiledFor(field, value) => (format!("there is no field {field:?}"), fields(value)),
            ExecError::InvalidRange(_) => ("range needs a list or a map".to_owned(), String::new()),
            ExecError::FuncError(FuncError::UnableToConvertFromValue) => {
                ("a function got what it can't use".to_owned(), String::new())
            }
            other => (other.to_string(), String::new()),
        };
        let fix = if fix.is_empty() { "see the fields with --format json".to_owned() } else { fix };
        CliError::new(format!("failed to execute template {:?}", short(self.text)))
            .why(why)
            .fix(fix)
            .status(WRONG_TEMPLATE)
    }
}

/// Renders `value` with a Go template.
pub(crate) fn render(template: &str, value: &Value) -> Result<String, CliError> {
    Template::parse(template)?.render(value)
}

/// As much of a template as an error shows.
fn short(text: &str) -> String {
    super::rows::cut(text, 80)
}

/// How deep parentheses and blocks may go.
fn depth(text: &str) -> usize {
    let mut deep = 0_usize;
    let mut deepest = 0;
    for c in text.chars() {
        match c {
            '(' => deep += 1,
            ')' => deep = deep.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(deep);
    }
    let blocks = ["if", "range", "with"].iter().map(|word| text.matches(&format!("{{{{{word} ")).count());
    deepest.max(blocks.sum())
}

/// What there is instead of a missing field.
fn fields(value: &Go) -> String {
    let (Go::Object(map) | Go::Map(map)) = value else { return String::new() };
    let mut names: Vec<_> = map.keys().map(String::as_str).filter(|name| *name != LABELS).collect();
    names.sort_unstable();
    let more = names.len().saturating_sub(FIELDS_NAMED);
    names.truncate(FIELDS_NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("name one of these: {}{rest}", names.join(", "))
}

/// JSON as a template value.
fn go(value: &Value) -> Go {
    match value {
        Value::Null => Go::NoValue,
        Value::Bool(b) => Go::Bool(*b),
        Value::Number(n) => n.as_i64().map_or_else(|| Go::from(n.as_f64().unwrap_or_default()), Go::from),
        Value::String(s) => Go::String(s.clone()),
        Value::Array(items) => Go::Array(items.iter().map(go).collect()),
        Value::Object(fields) => Go::Object(fields.iter().map(|(k, v)| (k.clone(), go(v))).collect::<HashMap<_, _>>()),
    }
}

/// A template value as JSON.
fn back(value: &Go) -> Value {
    match value {
        Go::Bool(b) => Value::Bool(*b),
        Go::String(s) => Value::String(s.clone()),
        Go::Number(n) => n.as_i64().map_or_else(|| n.as_f64().into(), Value::from),
        Go::Array(items) => items.iter().map(back).collect(),
        Go::Object(fields) | Go::Map(fields) => {
            // A serde_json map keeps its keys sorted, so the output is stable.
            let shown = fields.iter().filter(|(name, _)| *name != LABELS);
            Value::Object(shown.map(|(k, v)| (k.clone(), back(v))).collect())
        }
        _ => Value::Null,
    }
}

fn to_json(args: &[Go]) -> Result<Go, FuncError> {
    args.first().map(|v| Go::String(back(v).to_string())).ok_or_else(|| FuncError::AtLeastXArgs("json".into(), 1))
}

fn map(name: &str, args: &[Go], change: impl Fn(&str) -> String) -> Result<Go, FuncError> {
    match args.first() {
        Some(Go::String(s)) => Ok(Go::String(change(s))),
        Some(other) => Ok(Go::String(change(&other.to_string()))),
        None => Err(FuncError::AtLeastXArgs(name.into(), 1)),
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn join(args: &[Go]) -> Result<Go, FuncError> {
    match args {
        [Go::Array(items), Go::String(separator)] => {
            let items: Vec<_> = items.iter().map(ToString::to_string).collect();
            Ok(Go::String(items.join(separator)))
        }
        _ => Err(FuncError::ExactlyXArgs("join".into(), 2)),
    }
}

/// Rewrites docker's `.Label "name"` to a function's call: the parser has no methods.
fn label_calls(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(LABELS) {
        written.push_str(before);
        let within = written.rfind("{{") > written.rfind("}}");
        let own = before.ends_with(|c: char| c.is_whitespace() || "{(|-".contains(c));
        let named = after.starts_with(char::is_whitespace) && after.trim_start().starts_with(['"', '`']);
        written.push_str(if within && own && named { "label ." } else { LABELS });
        rest = after;
    }
    written + rest
}

/// A label of a row; the headings have none, and are named after it.
fn label(args: &[Go]) -> Result<Go, FuncError> {
    let [Go::Object(row) | Go::Map(row), Go::String(name)] = args else {
        return Err(FuncError::ExactlyXArgs(".Label".into(), 1));
    };
    Ok(Go::String(match row.get(LABELS) {
        Some(Go::Object(labels) | Go::Map(labels)) => labels.get(name).map(ToString::to_string).unwrap_or_default(),
        Some(_) => String::new(),
        None => name.clone(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_functions_and_loops_work_as_in_docker() {
        let value = json!({"ID": "ab", "Names": ["x", "y"], "State": {"Code": 3}});
        assert_eq!(render("{{.ID}}\\t{{upper .ID}}", &value).unwrap(), "ab\tAB");
        assert_eq!(render("{{json .State}}", &value).unwrap(), r#"{"Code":3}"#);
        assert_eq!(render("{{.State.Code}}", &value).unwrap(), "3");
        assert_eq!(render("{{range .Names}}{{.}};{{end}}", &value).unwrap(), "x;y;");
        assert_eq!(render("{{join .Names \",\"}}", &value).unwrap(), "x,y");
    }

    #[test]
    fn a_label_is_asked_for_as_in_docker() {
        let value = json!({"ID": "ab", LABELS: {"team": "a,b", "x.y/z": "1"}});
        assert_eq!(render(r#"{{.Label "team"}} {{ .Label "x.y/z" }}"#, &value).unwrap(), "a,b 1");
        assert_eq!(render(r#"{{upper (.Label "team")}}|{{.Label "none"}}|"#, &value).unwrap(), "A,B||");
        assert_eq!(render(r#".Label "x" {{if .Label "team"}}yes{{end}}"#, &value).unwrap(), r#".Label "x" yes"#);
        let listed = json!({"Containers": [value.clone()]});
        assert_eq!(render(r#"{{range .Containers}}{{.Label "team"}}{{end}}"#, &listed).unwrap(), "a,b");
        assert_eq!(render(r#"{{.Label "team"}}"#, &json!({"ID": "CONTAINER ID"})).unwrap(), "team");
        assert_eq!(render("{{json .}}", &value).unwrap(), r#"{"ID":"ab"}"#);
        assert_eq!(render("{{.Nope}}", &value).unwrap_err().fix, "name one of these: ID");
    }

    #[test]
    fn a_broken_template_is_an_error_that_says_so() {
        for (template, why) in [
            ("{{.ID", "unexpected"),
            ("{{nope .ID}}", "function nope not defined"),
            ("{{join .ID}}", "join requires exactly 2"),
            ("{{.State.Nope.X}}", "no field \"Nope\""),
            ("{{range .ID}}{{end}}", "range needs"),
        ] {
            let error = render(template, &json!({"ID": "a", "State": {"Code": 3}})).unwrap_err();
            assert!(error.what.contains("template") && error.why.contains(why), "{error:?}");
            assert!(!error.fix.is_empty() && !format!("{}{}", error.why, error.fix).contains("String("), "{error:?}");
        }
        let error = render("{{.Nope}}", &json!({"ID": "a", "Names": "b"})).unwrap_err();
        assert_eq!(error.fix, "name one of these: ID, Names");
    }

    #[test]
    fn a_template_without_end_is_refused_before_it_is_read() {
        let deep = format!("{{{{{}1{}}}}}", "(".repeat(5000), ")".repeat(5000));
        assert!(render(&deep, &json!({})).unwrap_err().why.contains("deep"));
        assert!(render(&"{{if .}}".repeat(1000), &json!({})).unwrap_err().why.contains("deep"));
        assert!(render(&"x".repeat(LONGEST + 1), &json!({})).unwrap_err().why.contains("bytes"));
    }
}
