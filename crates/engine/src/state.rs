//! The container state machine: one exhaustive match on (state, event).
