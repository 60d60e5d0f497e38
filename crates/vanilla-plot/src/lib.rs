//! Curves and digits as SVG, PNG and terminal text.
