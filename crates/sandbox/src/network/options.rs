//! [`Options`]: what can be set on a socket. In memory most of it means nothing; it is kept and given back, as programs
//! that set it and look again expect.

use std::time::Duration;

use super::code::{Result, SocketError};
use super::pipe::CAPACITY;

/// Options of a socket, with Linux's defaults.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) keep_alive: bool,
    keep_alive_idle: Duration,
    keep_alive_interval: Duration,
    keep_alive_count: u32,
    hop_limit: u8,
    receive_buffer: u64,
    send_buffer: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            keep_alive: false,
            keep_alive_idle: Duration::from_secs(7200),
            keep_alive_interval: Duration::from_secs(75),
            keep_alive_count: 9,
            hop_limit: 64,
            receive_buffer: CAPACITY as u64,
            send_buffer: CAPACITY as u64,
        }
    }
}

/// Defines getters and setters of values that can't be 0.
macro_rules! options {
    ($($get:ident, $set:ident, $field:ident: $type:ty, $nothing:expr;)*) => {
        impl Options {$(
            pub(crate) fn $get(&self) -> $type {
                self.$field
            }

            pub(crate) fn $set(&mut self, value: $type) -> Result<()> {
                if value == $nothing {
                    return Err(SocketError::InvalidArgument);
                }
                self.$field = value;
                Ok(())
            }
        )*}
    };
}

options! {
    keep_alive_idle, set_keep_alive_idle, keep_alive_idle: Duration, Duration::ZERO;
    keep_alive_interval, set_keep_alive_interval, keep_alive_interval: Duration, Duration::ZERO;
    keep_alive_count, set_keep_alive_count, keep_alive_count: u32, 0;
    hop_limit, set_hop_limit, hop_limit: u8, 0;
    receive_buffer, set_receive_buffer, receive_buffer: u64, 0;
    send_buffer, set_send_buffer, send_buffer: u64, 0;
}
