//! What happened, in order: a sum over all of it, and the last of it in words.
//!
//! **Invariant:** two runs with the same sum did the same.

use std::collections::VecDeque;
use std::fmt::Display;

const KEPT: usize = 60;
/// FNV-1a, 64 bits (Fowler, Noll and Vo).
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

#[derive(Clone, Debug)]
pub(crate) struct Trace {
    sum: u64,
    lines: u64,
    last: VecDeque<String>,
    /// Every line goes to standard error as well.
    aloud: bool,
}

impl Trace {
    pub(crate) fn new(aloud: bool) -> Self {
        Self { sum: BASIS, lines: 0, last: VecDeque::with_capacity(KEPT), aloud }
    }

    pub(crate) fn note(&mut self, now_ms: u64, what: impl Display) {
        let line = format!("{:>7}.{:03} {what}", now_ms / 1_000, now_ms % 1_000);
        for byte in line.bytes() {
            self.sum = (self.sum ^ u64::from(byte)).wrapping_mul(PRIME);
        }
        self.lines += 1;
        if self.aloud {
            eprintln!("{line}");
        }
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    pub(crate) fn sum(&self) -> u64 {
        self.sum
    }

    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }

    pub(crate) fn last(&self) -> String {
        self.last.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}
