//! Lists: tables, `--format json`, `--format table …`, templates and `--quiet`.

use std::io::Write as _;

use serde_json::{Map, Value};

use super::template::{LABELS, Template};
use crate::error::CliError;

/// Digits of a short id.
const SHORT: usize = 12;

/// A row: fields by docker's names (`ID`, `Image` …).
pub(crate) type Row = Map<String, Value>;

/// Columns of the default table: field and heading.
pub(crate) type Columns<'a> = &'a [(&'a str, &'a str)];

/// Makes a row.
pub(crate) fn row<const N: usize>(fields: [(&str, Value); N]) -> Row {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Prints rows to standard output. A reader that goes away is no error.
pub(crate) fn print(rows: &[Row], columns: Columns<'_>, format: Option<&str>) -> Result<(), CliError> {
    let text = render(rows, columns, format)?;
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(e.into()),
        _ => Ok(()),
    }
}

/// Prints only the ids, each once.
pub(crate) fn ids(lines: &[Row]) -> crate::error::Outcome {
    let mut seen = std::collections::HashSet::new();
    for id in lines.iter().filter_map(|line| line.get("ID").and_then(Value::as_str)).filter(|id| seen.insert(*id)) {
        outln!("{id}");
    }
    Ok(0)
}

/// A shortened id.
pub(crate) fn short(id: &str, full: bool) -> String {
    if full { id.to_owned() } else { id.chars().take(SHORT).collect() }
}

/// A text with at most `letters`, cut with an ellipsis.
pub(crate) fn cut(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    text.chars().take(letters - 1).chain(['…']).collect()
}

fn render(rows: &[Row], columns: Columns<'_>, format: Option<&str>) -> Result<String, CliError> {
    match format {
        None | Some("table" | "") => Ok(table(rows, columns)),
        Some("json") => Ok(rows.iter().map(json_line).collect()),
        Some(text) => match text.strip_prefix("table ") {
            Some(template) => templated_table(rows, columns, template),
            None => {
                // Read before there are rows, so that a mistake shows though there are none.
                let template = Template::parse(text)?;
                rows.iter().map(|row| template.render(&Value::Object(row.clone())).map(|line| line + "\n")).collect()
            }
        },
    }
}

fn json_line(row: &Row) -> String {
    let mut row = row.clone();
    row.remove(LABELS);
    format!("{}\n", Value::Object(row))
}

fn table(rows: &[Row], columns: Columns<'_>) -> String {
    let heads = columns.iter().map(|(_, head)| (*head).to_owned()).collect();
    let cell = |row: &Row, field: &str| match row.get(field) {
        Some(Value::String(s)) => s.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let lines = rows.iter().map(|row| columns.iter().map(|(field, _)| cell(row, field)).collect());
    align(heads, lines)
}

fn templated_table(rows: &[Row], columns: Columns<'_>, template: &str) -> Result<String, CliError> {
    let template = template.replace("\\t", "\t");
    let headings = headings(columns, &template);
    let split = |line: String| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
    let template = Template::parse(&template)?;
    let heads = split(template.render(&Value::Object(headings))?);
    let lines = rows
        .iter()
        .map(|row| template.render(&Value::Object(row.clone())).map(split))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(align(heads, lines.into_iter()))
}

/// Headings of all fields that a template names: those of the default table, and else the field's own name.
fn headings(columns: Columns<'_>, template: &str) -> Row {
    let named = template.split('.').skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    });
    let mut headings: Row = named.map(|field| (field.to_owned(), field.to_uppercase().into())).collect();
    headings.extend(columns.iter().map(|(field, head)| ((*field).to_owned(), (*head).into())));
    headings
}

/// Columns three spaces apart, without borders, as docker prints them.
fn align(heads: Vec<String>, lines: impl Iterator<Item = Vec<String>>) -> String {
    use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let columns = heads.len();
    table.add_row(heads);
    for mut line in lines {
        line.resize(columns, String::new());
        table.add_row(line);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 3)).set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(1)));
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tables_have_dockers_look() {
        let rows = [
            row([("ID", json!("a")), ("N", json!(10)), (LABELS, json!({"k": "v"}))]),
            row([("ID", json!("longer")), ("N", json!(2))]),
        ];
        let columns = [("ID", "CONTAINER ID"), ("N", "NUMBER")];
        assert_eq!(
            render(&rows, &columns, None).unwrap(),
            "CONTAINER ID   NUMBER\na              10\nlonger         2\n"
        );
        assert_eq!(
            render(&rows, &columns, Some("table {{.N}}\\t{{.ID}}")).unwrap(),
            "NUMBER   CONTAINER ID\n10       a\n2        longer\n"
        );
        assert_eq!(render(&[], &columns, Some("table {{.ID}}\\t{{.Other}}")).unwrap(), "CONTAINER ID   OTHER\n");
        assert_eq!(
            render(&rows, &columns, Some("json")).unwrap(),
            "{\"ID\":\"a\",\"N\":10}\n{\"ID\":\"longer\",\"N\":2}\n"
        );
        assert_eq!(render(&rows[..1], &columns, Some(r#"table {{.Label "k"}}"#)).unwrap(), "k\nv\n");
    }
}
