//! The standard streams of a guest: log, attachments, backpressure.
