//! Matrix kernels of Vanilla: f32 panels in, f32 panels out. The one crate with unsafe code.
