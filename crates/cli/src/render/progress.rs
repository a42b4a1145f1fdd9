//! Progress on standard error: an activity that shows itself only when it takes long, and bars for transfers.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use crate::client::on_stream;
use crate::error::CliError;

/// Redraws a second; the first one comes after this time, so that short work shows nothing.
const TICK: Duration = Duration::from_millis(100);

/// Something that is going on.
#[derive(Debug)]
pub(crate) struct Activity {
    bar: ProgressBar,
    terminal: bool,
}

impl Activity {
    /// Begins; a quiet one shows nothing.
    pub(crate) fn start(quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal() && !quiet;
        let bar = if terminal { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if terminal {
            bar.enable_steady_tick(TICK);
        }
        Self { bar, terminal }
    }

    /// Standard error is a terminal.
    pub(crate) const fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// What is going on now.
    pub(crate) fn say(&self, text: &str) {
        self.bar.set_message(text.to_owned());
    }

    /// It is over; its line is cleared.
    pub(crate) fn stop(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The bars of a pull, push or load, one a layer.
#[derive(Debug)]
pub(crate) struct Transfers {
    bars: MultiProgress,
    by_id: HashMap<String, ProgressBar>,
    terminal: bool,
    quiet: bool,
}

impl Transfers {
    /// Begins; a quiet one shows nothing.
    pub(crate) fn start(quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal() && !quiet;
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { bars: MultiProgress::with_draw_target(target), by_id: HashMap::new(), terminal, quiet }
    }

    /// Takes one message of the stream (Docker Engine API, `CreateImageInfo`); an error message is an error.
    pub(crate) fn message(&mut self, message: &Value) -> Result<(), CliError> {
        let text = |path: &str| message.pointer(path).and_then(Value::as_str).unwrap_or_default();
        if !text("/error").is_empty() {
            let hint = text("/hint");
            let fix = if hint.is_empty() { on_stream(text("/error")) } else { hint };
            return Err(CliError::new(text("/error")).fix(fix));
        }
        if self.quiet {
            return Ok(());
        }
        let (id, status) = (text("/id"), text("/status"));
        if id.is_empty() {
            let line = if status.is_empty() { text("/stream").trim_end() } else { status };
            if !line.is_empty() {
                self.line(line);
            }
            return Ok(());
        }
        let number = |path: &str| message.pointer(path).and_then(Value::as_u64);
        if !self.terminal {
            if number("/progressDetail/current").is_none() {
                errln!("{id}: {status}");
            }
            return Ok(());
        }
        let bars = &self.bars;
        let bar = self.by_id.entry(id.to_owned()).or_insert_with(|| bars.add(bar(id)));
        bar.set_message(status.to_owned());
        match (number("/progressDetail/current"), number("/progressDetail/total")) {
            (Some(current), Some(total)) => {
                bar.set_length(total);
                bar.set_position(current);
            }
            _ if status.ends_with("complete") || status.ends_with("exists") || status == "Pushed" => bar.finish(),
            _ => bar.tick(),
        }
        Ok(())
    }

    fn line(&self, text: &str) {
        if self.terminal {
            // Drawing is for show: a closed stderr changes nothing.
            let _ = self.bars.println(text);
        } else {
            errln!("{text}");
        }
    }
}

fn bar(id: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix}: {msg:20} [{bar:32}] {bytes}/{total_bytes}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_prefix(id.to_owned()).with_style(style.progress_chars("=> "))
}
