//! Gray pictures as text: `plt.imshow` for a terminal.

use crate::error::{Error, Result};
use crate::report::Terminal;
use crate::tensor::Tensor;
use vanilla_plot::digits::{Digit, grid_terminal};

/// These gray pictures of bytes, so many side by side, as text for stdout: shaded if stdout shows colours, else in
/// block characters.
///
/// ```
/// use vanilla::prelude::*;
/// let cross = Tensor::new(vec![0u8, 255, 0, 255, 255, 255, 0, 255, 0], [3, 3])?;
/// println!("{}", vanilla::show(&[cross], 1)?);
/// # Ok::<(), vanilla::Error>(())
/// ```
///
/// # Errors
/// When a picture is not a table of bytes.
pub fn show(pictures: &[Tensor], columns: usize) -> Result<String> {
    let digits = pictures.iter().map(|picture| match (picture.as_u8(), picture.shape()) {
        (Some(pixels), &[height, width]) => Ok(Digit { pixels, width, height, caption: String::new() }),
        _ => Err(Error::data("show", format!("{picture:?}, expected bytes of shape [height, width]"))),
    });
    let digits: Vec<Digit> = digits.collect::<Result<_>>()?;
    Ok(grid_terminal(&digits, columns, Terminal::of_stdout().color))
}
