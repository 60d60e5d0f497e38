//! Described layers in, a flat list of steps out, and its execution.
