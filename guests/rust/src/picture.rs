//! A picture file as the digit model wants it.

use std::fmt;

pub const SIDE: usize = 28;
pub const VALUES: usize = SIDE * SIDE;

/// Pictures wider or higher than this are refused.
const MAX_SIDE: usize = 28 * 1024;

pub enum Error {
    Unreadable,
    NotPgm,
    Size(usize, usize),
    Maxval(usize),
    Missing(usize, usize),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Error::Unreadable => write!(f, "cannot be read"),
            Error::NotPgm => write!(f, "not a binary PGM file"),
            Error::Size(w, h) => {
                write!(f, "width and height have to be multiples of {SIDE} up to {MAX_SIDE}, not {w}x{h}")
            }
            Error::Maxval(m) => write!(f, "maxval has to be 255, not {m}"),
            Error::Missing(missing, all) => write!(f, "{missing} of {all} pixels are missing"),
        }
    }
}

/// Blank as PGM means it: the byte is one of C's white space.
fn is_blank(byte: u8) -> bool {
    byte == b' ' || (b'\t'..=b'\r').contains(&byte)
}

/// Takes a decimal number off the text: the blanks and comments before it, and the one blank after it.
fn take_number(text: &mut &[u8]) -> Option<usize> {
    while let Some((&byte, rest)) = text.split_first() {
        *text = match byte {
            b'#' => &rest[rest.iter().position(|&b| b == b'\n' || b == b'\r')?..],
            _ if is_blank(byte) => rest,
            _ => break,
        };
    }
    let digits = text.iter().position(|b| !b.is_ascii_digit())?;
    let number = std::str::from_utf8(&text[..digits]).ok()?.parse().ok().filter(|&n| n <= 1_000_000)?;
    let (&end, rest) = text[digits..].split_first()?;
    *text = rest;
    is_blank(end).then_some(number)
}

/// Reads a binary PGM file (P5, maxval 255) whose width and height are multiples of 28, and makes 28x28 values of it,
/// row-major: each is 1 - mean/255 over a box of pixels, so that paper is 0 and ink is 1.
pub fn read(path: &str) -> Result<[f32; VALUES], Error> {
    decode(&std::fs::read(path).map_err(|_| Error::Unreadable)?)
}

fn decode(content: &[u8]) -> Result<[f32; VALUES], Error> {
    let mut pixels = content.strip_prefix(b"P5").filter(|rest| rest.first().is_some_and(|&b| is_blank(b))).ok_or(Error::NotPgm)?;
    let mut number = || take_number(&mut pixels).ok_or(Error::NotPgm);
    let (width, height, maxval) = (number()?, number()?, number()?);
    let good = |side: usize| side > 0 && side <= MAX_SIDE && side % SIDE == 0;
    if !good(width) || !good(height) {
        return Err(Error::Size(width, height));
    }
    if maxval != 255 {
        return Err(Error::Maxval(maxval));
    }
    if pixels.len() < width * height {
        return Err(Error::Missing(width * height - pixels.len(), width * height));
    }

    let (box_width, box_height) = (width / SIDE, height / SIDE);
    let mut sums = [0u64; VALUES];
    for (y, row) in pixels.chunks_exact(width).take(height).enumerate() {
        for (x, pixels) in row.chunks_exact(box_width).enumerate() {
            sums[y / box_height * SIDE + x] += pixels.iter().map(|&p| u64::from(p)).sum::<u64>();
        }
    }
    let white = 255.0 * box_width as f64 * box_height as f64;
    Ok(sums.map(|s| (1.0 - s as f64 / white) as f32))
}
