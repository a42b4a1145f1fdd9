//! Medians of repeated runs.

use std::time::Duration;

/// The value in the middle; zero of nothing.
pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The median of times, in milliseconds.
pub(super) fn median_ms(times: &[Duration]) -> f64 {
    median(&mut times.iter().map(|t| t.as_secs_f64() * 1e3).collect::<Vec<_>>())
}

/// The geometric mean; zero of nothing.
pub(super) fn geometric_mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a handful of values")]
    let count = values.len() as f64;
    (values.iter().map(|v| v.ln()).sum::<f64>() / count).exp()
}
