//! Terminals: a pseudo-terminal per guest that wants one.
