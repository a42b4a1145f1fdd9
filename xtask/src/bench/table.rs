//! The table of figures, as `docs/benchmarks.md` has it.

use std::fmt;

/// Figures with their bounds.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<[String; 4]>,
}

impl Table {
    /// Adds a figure that must not be larger than its bound.
    pub(super) fn at_most(&mut self, figure: impl Into<String>, value: f64, bound: f64, unit: &str) {
        let met = if value <= bound { "met" } else { "missed" };
        self.rows.push([figure.into(), format!("{value:.3} {unit}"), format!("at most {bound} {unit}"), met.into()]);
    }

    /// Adds a figure that must not be smaller than its bound.
    pub(super) fn at_least(&mut self, figure: impl Into<String>, value: f64, bound: f64, unit: &str) {
        let met = if value >= bound { "met" } else { "missed" };
        self.rows.push([figure.into(), format!("{value:.3} {unit}"), format!("at least {bound} {unit}"), met.into()]);
    }

    /// Adds a figure without a bound.
    pub(super) fn note(&mut self, figure: impl Into<String>, value: impl Into<String>) {
        self.rows.push([figure.into(), value.into(), String::new(), String::new()]);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| figure | measured | bound | |\n|---|---|---|---|")?;
        self.rows
            .iter()
            .try_for_each(|[figure, value, bound, met]| writeln!(f, "| {figure} | {value} | {bound} | {met} |"))
    }
}
