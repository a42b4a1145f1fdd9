//! Go templates for `--format`, as docker has them.

use std::collections::HashMap;

use gtmpl::{FuncError, Template, Value as Go};
use serde_json::Value;

use crate::error::CliError;

/// Renders `value` with a Go template.
pub(crate) fn render(template: &str, value: &Value) -> Result<String, CliError> {
    let wrong = |why: &dyn std::fmt::Display| {
        CliError::new(format!("template parsing error in --format {template:?}"))
            .why(why)
            .fix("fields are named as in --format json: {{.ID}}, {{json .}}")
            .status(64)
    };
    let mut parsed = Template::default();
    parsed.add_func("json", to_json);
    parsed.add_func("upper", |args| map(args, |s| s.to_uppercase()));
    parsed.add_func("lower", |args| map(args, |s| s.to_lowercase()));
    parsed.add_func("title", |args| map(args, capitalised));
    parsed.add_func("join", join);
    let unescaped = template.replace("\\t", "\t").replace("\\n", "\n");
    parsed.parse(unescaped).map_err(|e| wrong(&e))?;
    parsed.render(&gtmpl::Context::from(go(value))).map_err(|e| wrong(&e))
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
            Value::Object(fields.iter().map(|(k, v)| (k.clone(), back(v))).collect())
        }
        _ => Value::Null,
    }
}

fn to_json(args: &[Go]) -> Result<Go, FuncError> {
    args.first().map(|v| Go::String(back(v).to_string())).ok_or_else(|| FuncError::AtLeastXArgs("json".into(), 1))
}

fn map(args: &[Go], change: impl Fn(&str) -> String) -> Result<Go, FuncError> {
    match args.first() {
        Some(Go::String(s)) => Ok(Go::String(change(s))),
        Some(other) => Ok(Go::String(change(&other.to_string()))),
        None => Err(FuncError::AtLeastXArgs("function".into(), 1)),
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
    fn a_broken_template_is_an_error_that_says_so() {
        assert!(render("{{.ID", &json!({})).unwrap_err().what.contains("template"));
    }
}
