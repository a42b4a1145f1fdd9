//! The gate: the one place through which every start goes. It allows all until trust exists.
