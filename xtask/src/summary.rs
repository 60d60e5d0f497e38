//! From epochs to figures: best, median, ratios, and whether everybody learned the same.

use crate::cells::Cell;
use crate::load::DISTURBED;
use crate::record::Row;

/// What the bench says of one engine in one cell.
#[derive(Clone, Debug)]
pub struct Figures {
    pub engine: String,
    pub version: String,
    /// Measured epochs, without the warm-up; 0 where the engine is missing.
    pub epochs: usize,
    /// Of these, how many while others used the machine, too.
    pub disturbed: usize,
    pub best: f64,
    pub median: f64,
    /// Its loss after the epoch that all engines reached; NaN if it has none.
    pub loss: f64,
    /// Whether that loss is near the others'.
    pub alike: bool,
    /// What the engine or the bench noted, such as why it is missing.
    pub note: String,
}

/// All engines of one cell, in the order of the record.
#[derive(Clone, Debug)]
pub struct Summary {
    pub engines: Vec<Figures>,
    /// The epoch whose losses were compared, the warm-up being 1.
    pub compared_epoch: usize,
    pub median_loss: f64,
}

/// The middle value, or the mean of the two in the middle; NaN of nothing.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => f64::NAN,
        (length, half) if length % 2 == 1 => sorted[half],
        (_, half) => (sorted[half - 1] + sorted[half]) / 2.0,
    }
}

/// The smallest value; NaN of nothing.
pub fn best(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NAN, f64::min)
}

impl Summary {
    /// `rows` are those of one cell and one run.
    pub fn new(cell: &Cell, rows: &[Row]) -> Self {
        let mut names: Vec<&str> = Vec::new();
        for row in rows {
            if !names.contains(&&*row.engine) {
                names.push(&row.engine);
            }
        }
        let of = |name: &str| -> Vec<&Row> { rows.iter().filter(|row| row.engine == name).collect() };
        let measured = |name: &str| of(name).iter().any(|row| row.seconds.is_finite());
        let last = |name: &str| of(name).iter().map(|row| row.epoch).max().unwrap_or(0);
        let compared_epoch = names.iter().filter(|name| measured(name)).map(|name| last(name)).min().unwrap_or(0);
        let loss =
            |name: &str| of(name).iter().find(|row| row.epoch == compared_epoch).map_or(f64::NAN, |row| row.loss);
        let losses: Vec<f64> = names.iter().map(|name| loss(name)).filter(|loss| loss.is_finite()).collect();
        let median_loss = median(&losses);
        let engines = names.into_iter().map(|name| {
            let rows = of(name);
            let seconds: Vec<f64> = rows
                .iter()
                .filter(|row| row.round > 0 && row.seconds.is_finite())
                .map(|row| row.seconds)
                .collect();
            let far = (loss(name) / median_loss).max(median_loss / loss(name));
            let notes: Vec<&str> = rows.iter().map(|row| &*row.note).filter(|note| !note.is_empty()).collect();
            Figures {
                engine: name.to_owned(),
                version: rows.iter().map(|row| row.version.clone()).find(|v| !v.is_empty()).unwrap_or_default(),
                epochs: seconds.len(),
                disturbed: rows.iter().filter(|row| row.round > 0 && row.others > DISTURBED).count(),
                best: best(&seconds),
                median: median(&seconds),
                loss: loss(name),
                alike: far <= cell.within(),
                note: notes.last().copied().unwrap_or_default().to_owned(),
            }
        });
        Self { engines: engines.collect(), compared_epoch, median_loss }
    }

    pub fn engine(&self, name: &str) -> Option<&Figures> {
        self.engines.iter().find(|figures| figures.engine == name)
    }

    /// The peers that were measured and learned like the others, the quickest epoch first.
    pub fn peers(&self) -> Vec<&Figures> {
        let counts = |figures: &&Figures| figures.engine != "vanilla" && figures.epochs > 0 && figures.alike;
        let mut peers: Vec<&Figures> = self.engines.iter().filter(counts).collect();
        peers.sort_by(|a, b| a.best.total_cmp(&b.best));
        peers
    }

    /// How many times as fast as this peer we are: by best epochs and by medians.
    pub fn ratio(&self, peer: &str) -> Option<(f64, f64)> {
        let (ours, theirs) = (self.engine("vanilla")?, self.engine(peer)?);
        (ours.epochs > 0 && theirs.epochs > 0).then(|| (theirs.best / ours.best, theirs.median / ours.median))
    }

    /// [`Summary::ratio`] with the best peer, and its name.
    pub fn best_ratio(&self) -> Option<(&str, f64, f64)> {
        let peer = &self.peers().first()?.engine;
        self.ratio(peer).map(|(best, median)| (&**peer, best, median))
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::record::tests::row;

    pub fn cell() -> Cell {
        let text = r#"name = "T"
            title = "the tutorial"
            layers = [784, 1000, 10]
            batch = 64
            rows = 60000
            data = "mnist"
            peers = "all"
            at_least = 3.0
            at_least_keras = 10.0"#;
        toml::from_str(text).unwrap()
    }

    /// Ours at 0.5 s, JAX at 1.5, Keras at 4, one that is quick and learns nothing, one that is missing.
    pub fn rows() -> Vec<Row> {
        let mut rows = Vec::new();
        for (engine, seconds, loss) in
            [("vanilla", 0.5, 0.30), ("keras-tf", 4.0, 0.32), ("jax", 1.5, 0.34), ("rustyml", 0.1, 12.0)]
        {
            rows.push(row(engine, 0, 1, 9.0, 3.0));
            rows.push(row(engine, 1, 2, seconds * 1.5, loss));
            rows.push(row(engine, 1, 3, seconds, loss * 0.9));
        }
        rows.push(Row { note: "missing: no such file".to_owned(), ..row("candle", 0, 0, f64::NAN, f64::NAN) });
        rows
    }

    #[test]
    fn medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan() && best(&[]).is_nan());
        assert_eq!(best(&[3.0, 1.0]), 1.0);
    }

    #[test]
    fn ratios_leave_out_the_warm_up_and_who_does_not_learn() {
        let summary = Summary::new(&cell(), &rows());
        assert_eq!(summary.compared_epoch, 3);
        assert_eq!(summary.best_ratio(), Some(("jax", 3.0, 3.0)));
        assert_eq!(summary.ratio("keras-tf"), Some((8.0, 8.0)));
        let rustyml = summary.engine("rustyml").unwrap();
        assert!(!rustyml.alike && rustyml.epochs == 2);
        let candle = summary.engine("candle").unwrap();
        assert!(candle.epochs == 0 && !candle.alike && candle.note.starts_with("missing"));
        assert_eq!(summary.ratio("candle"), None);
    }
}
