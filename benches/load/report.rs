//! Figures from rounds: medians, whole ranges, and ratios round by round, as a table.
//!
//! **Invariant:** a ratio is taken within a round, between runs that stood beside each other.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What one run gave.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// Readings a second, from the first that was published (or, of a backlog, from the start of who takes it) to the last that was done.
    pub(crate) rate: f64,
    /// CPU µs a reading, by process.
    pub(crate) cpu_us: Vec<(&'static str, f64)>,
}

/// Runs of the same setup, a round each.
#[derive(Default)]
pub(crate) struct Series(BTreeMap<usize, (String, Vec<Figure>)>);

impl Series {
    /// Adds the figure of a round to `setup`, which stands at `place` in the table.
    pub(crate) fn add(&mut self, place: usize, setup: &str, figure: Figure) {
        println!("  {setup}: {}", line(&figure));
        self.0.entry(place).or_insert_with(|| (setup.to_owned(), Vec::new())).1.push(figure);
    }

    /// Round by round: the CPU time a reading of all processes at place `of` to that at place `to`.
    pub(crate) fn cpu_ratios(&self, of: usize, to: usize) -> Vec<f64> {
        let sums = |place: usize| -> Vec<f64> {
            let figures = self.0.get(&place).map_or(&[][..], |row| &row.1);
            figures.iter().map(|figure| figure.cpu_us.iter().map(|share| share.1).sum()).collect()
        };
        sums(of).iter().zip(sums(to)).map(|(of, to)| of / to).collect()
    }

    /// The table; ratios are to the setup at place `to`.
    pub(crate) fn table(&self, title: &str, to: usize) -> String {
        let mut text = format!(
            "\n### {title}\n\n| | rounds | readings/s | ratio to {} | CPU µs a reading |\n|---|---|---|---|---|\n",
            self.0.get(&to).map_or("-", |row| row.0.as_str())
        );
        for (setup, figures) in self.0.values() {
            let rates: Vec<f64> = figures.iter().map(|figure| figure.rate).collect();
            let ratios: Vec<f64> = match self.0.get(&to) {
                Some((_, base)) => rates.iter().zip(base).map(|(rate, base)| rate / base.rate).collect(),
                None => Vec::new(),
            };
            let _ = writeln!(
                text,
                "| {setup} | {} | {} | {} | {} |",
                figures.len(),
                spread(&rates, 0),
                spread(&ratios, 2),
                shares(figures)
            );
        }
        text
    }
}

fn line(figure: &Figure) -> String {
    let mut text = format!("{:.0} readings/s; CPU µs a reading:", figure.rate);
    for (process, us) in &figure.cpu_us {
        let _ = write!(text, " {process} {us:.1}");
    }
    text
}

fn shares(figures: &[Figure]) -> String {
    let mut by_process: Vec<(&str, Vec<f64>)> = Vec::new();
    for (process, us) in figures.iter().flat_map(|figure| &figure.cpu_us) {
        match by_process.iter_mut().find(|one| one.0 == *process) {
            Some(one) => one.1.push(*us),
            None => by_process.push((process, vec![*us])),
        }
    }
    let shares: Vec<String> =
        by_process.iter().map(|(process, us)| format!("{process} {}", spread(us, 1))).collect();
    shares.join(", ")
}

/// The median and the whole range.
pub(crate) fn spread(figures: &[f64], decimals: usize) -> String {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.as_slice() {
        [] => "-".to_owned(),
        [one] => format!("{one:.decimals$}"),
        [least, .., most] => {
            format!("{:.decimals$} [{least:.decimals$}..{most:.decimals$}]", median(&sorted))
        }
    }
}

/// The middle of `sorted`.
pub(crate) fn median(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    match sorted {
        [] => f64::NAN,
        odd if odd.len() % 2 == 1 => odd[half],
        even => f64::midpoint(even[half - 1], even[half]),
    }
}

/// The value that `share` of `sorted` do not exceed.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(at.saturating_sub(1).min(last)).copied().unwrap_or(f64::NAN)
}
