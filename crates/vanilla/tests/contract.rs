//! Keras's words keep the contract that `vanilla::testing` states: every word of the registries.

use vanilla::activations::{self, Activation, Threshold};
use vanilla::config::Keys;
use vanilla::constraints::{MaxNorm, MinMaxNorm, NonNeg, UnitNorm};
use vanilla::initializers::{self, Initializer};
use vanilla::layers::*;
use vanilla::losses;
use vanilla::metrics::{self, MetricArg};
use vanilla::optimizers;
use vanilla::plan::kernels::Kernels;
use vanilla::plan::{Curve, Fact, Formula, Reads, RowFunction, RowGradients, RowWeights};
use vanilla::prelude::*;
use vanilla::regularizers::{L1, L1L2, L2, OrthogonalRegularizer};
use vanilla::schedules::Schedule;
use vanilla::testing::{
    LayerCheck, check_activation, check_callback, check_initializer, check_loss, check_metric, check_optimizer,
    check_schedule,
};

type Input = Vec<usize>;

/// A check of this layer on these inputs.
fn on<const N: usize>(layer: impl Layer + 'static, inputs: [Input; N]) -> (String, LayerCheck) {
    (layer.class_name().to_owned(), LayerCheck::new(layer).inputs(inputs))
}

/// Every class of the registry at least once.
fn checks() -> Vec<(String, LayerCheck)> {
    vec![
        on(ActivationLayer::new("tanh"), [vec![5]]),
        on(ActivationLayer::new("softmax"), [vec![2, 5]]),
        on(ActivityRegularization::new(0.1, 0.2), [vec![2, 3]]),
        on(Add::new(), [vec![4], vec![4], vec![4]]),
        on(Add::new(), [vec![2, 3], vec![1, 3]]),
        on(AlphaDropout::new(0.3), [vec![5]]),
        on(Average::new(), [vec![4], vec![4], vec![4]]),
        on(BatchNormalization::new(), [vec![4]]),
        on(BatchNormalization::new().axis(1).momentum(0.5), [vec![3, 2]]),
        on(BatchNormalization::new().trainable(false), [vec![4]]),
        on(CategoryEncoding::new(3), [vec![1]]),
        on(Concatenate::new(), [vec![3], vec![1], vec![4]]),
        on(Concatenate::new().axis(1), [vec![2, 3], vec![4, 3]]),
        on(Dense::new(19).activation("relu"), [vec![21]]),
        on(Dense::new(1).use_bias(false), [vec![2, 3]]),
        on(
            Dense::new(4).activation("softmax").activity_regularizer(L2::new(0.1)).kernel_constraint(NonNeg),
            [vec![3]],
        ),
        on(
            Dense::new(4).activation("glu").kernel_regularizer(L2::new(0.1)).name("named").trainable(false),
            [vec![3]],
        ),
        on(Discretization::new().bin_boundaries([0.0, 1.0]), [vec![1]]),
        on(Dot::new(1), [vec![4], vec![4]]),
        on(Dot::new([2, 1]), [vec![3, 2], vec![2, 4]]),
        on(Dot::new(1).normalize(true), [vec![4], vec![4]]),
        on(Dropout::new(0.4), [vec![2, 5]]),
        on(ELU::new().alpha(0.7), [vec![5]]),
        on(Embedding::new(5, 3), [vec![2]]),
        on(Embedding::new(2, 3).embeddings_regularizer(L2::new(0.1)), [vec![1]]),
        on(Flatten::new(), [vec![2, 3]]),
        on(GaussianDropout::new(0.2), [vec![5]]),
        on(GaussianNoise::new(0.5), [vec![5]]),
        on(GroupNormalization::new(2), [vec![4]]),
        on(GroupNormalization::new(-1), [vec![2, 3]]),
        on(Hashing::new(3), [vec![1]]),
        on(Identity::new(), [vec![2, 3]]),
        on(IntegerLookup::new().vocabulary([4, 7]), [vec![1]]),
        on(LayerNormalization::new(), [vec![5]]),
        on(LayerNormalization::new().axis([1, 2]), [vec![2, 3]]),
        on(LeakyReLU::new().negative_slope(0.2), [vec![5]]),
        on(Masking::new(), [vec![3, 2]]),
        on(Maximum::new(), [vec![4], vec![4], vec![4]]),
        on(Minimum::new(), [vec![4], vec![4]]),
        on(Multiply::new(), [vec![4], vec![4], vec![4]]),
        on(Normalization::new().mean([1.0, 2.0]).variance([2.0, 0.5]), [vec![2]]),
        on(Normalization::new(), [vec![3]]),
        on(PReLU::new().shared_axes([1]), [vec![2, 3]]),
        on(PReLU::new(), [vec![6]]),
        on(Permute::new([2, 1]), [vec![2, 3]]),
        on(ReLU::new().max_value(1.5).negative_slope(0.1).threshold(0.3), [vec![5]]),
        on(RepeatVector::new(3), [vec![4]]),
        on(Rescaling::new(0.5).offset(-1.0), [vec![4]]),
        on(Reshape::new([3, -1]), [vec![6]]),
        on(RMSNormalization::new(), [vec![5]]),
        on(Softmax::new(), [vec![5]]),
        on(Softmax::new().axis(1), [vec![3, 2]]),
        on(SpectralNormalization::new(Dense::new(3)), [vec![4]]),
        on(SpectralNormalization::new(Embedding::new(4, 3)).power_iterations(2), [vec![2]]),
        on(StringLookup::new().vocabulary(["a", "b"]), [vec![1]]),
        on(StringLookup::new(), [vec![1]]),
        on(Subtract::new(), [vec![4], vec![4]]),
        on(UnitNormalization::new(), [vec![4]]),
    ]
}

#[test]
fn every_layer_keeps_its_contract() {
    let checks = checks();
    for class in class_names() {
        assert!(
            checks.iter().any(|(checked, _)| checked == class),
            "{class} has no line in the table of this test"
        );
    }
    let wrong: Vec<String> =
        checks.into_iter().filter_map(|(_, check)| check.run().err()).map(|found| found.to_string()).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_activation_keeps_its_contract() {
    let named = activations::names().into_iter().map(|name| Activation::named(name).unwrap());
    let wrong: Vec<String> =
        named.filter_map(|word| check_activation(word).err()).map(|found| found.to_string()).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    // It has no name that a description could say, so a layer of it cannot be read.
    let threshold = check_activation(Threshold::new(0.5, 2.0));
    assert!(threshold.is_ok(), "{threshold:?}");
}

#[test]
fn every_initializer_keeps_its_contract() {
    let registry = Registry::new();
    for name in initializers::names() {
        let word = Initializer::from_config(name, Keys::new()).unwrap();
        check_initializer(word, &registry).unwrap();
    }
}

/// A curve that is wrong in one way.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bad {
    Value,
    Slope,
    HidesNan,
    Dies,
    Lengths,
    Panics,
    Formula,
    RowFormula,
}

impl Curve for Bad {
    fn name(&self) -> &str {
        "bad"
    }
    fn reads(&self) -> Reads {
        Reads::Input
    }
    fn forward(&self, _: &Kernels, y: &mut [f32]) {
        assert!(*self != Self::Panics || y.len() != 7, "seven");
        let shift = if *self == Self::Lengths && y.len() % 8 == 3 { 1e-6 } else { 0.0 };
        for y in y {
            *y = match self {
                Self::Value => *y * 1.001,
                Self::HidesNan => y.max(-1e3),
                _ => *y + shift,
            };
        }
    }
    fn gradient(&self, _: &Kernels, d: &mut [f32], _: &[f32]) {
        d.iter_mut().for_each(|d| *d *= if *self == Self::Slope { 0.99 } else { 1.0 });
    }
    fn value(&self, x: f64) -> f64 {
        x
    }
    fn dies_at_zero(&self) -> bool {
        *self == Self::Dies
    }
    fn formula(&self) -> Option<Formula> {
        Some(match self {
            Self::Formula => Formula::curve(|x| x * 1.001),
            Self::RowFormula => Formula::row(2, |x| x.largest()),
            _ => Formula::curve(|x| x),
        })
    }
}

#[test]
fn wrong_activations_are_found() {
    for (bad, line) in [
        (Bad::Value, "bad: value -20.016"),
        (Bad::Slope, "bad: gradient 0.99 at -19.997 for 1 from above, expected 1.000000"),
        (Bad::HidesNan, "bad: value -1000 at NaN, expected NaN: a diverged training must be seen"),
        (Bad::Dies, "bad: dies_at_zero, but at 0 the value is 0 and the gradient 1, expected 0"),
        (Bad::Lengths, "bad: a slice of 3 has other bits than the same numbers in one of 40"),
        (Bad::Formula, "bad: formula -20.0"),
        (Bad::RowFormula, "bad: formula is one of a row, expected one of an element: without sums and places"),
        (Bad::Panics, "bad: running the curve panics, expected a value or an error"),
    ] {
        let found = check_activation(bad).unwrap_err().to_string();
        assert!(found.starts_with(line), "{found}");
    }
}

/// A layer that is wrong in one way: x + w, with a weight for each column.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrong {
    Nothing,
    Forgets(usize),
    Reads,
    Shape,
    GradientX,
    GradientW,
    Truth,
    Panics,
    Formula,
}

impl Layer for Wrong {
    fn class_name(&self) -> &str {
        "Wrong"
    }
    fn config(&self) -> Keys {
        match self {
            Self::Reads => Keys::from_iter([("factor".to_owned(), 2.into())]),
            _ => Keys::new(),
        }
    }
    fn build(&self, place: &str, inputs: &[Vec<usize>]) -> Result<Built> {
        let x = one_input(place, inputs)?;
        assert!(*self != Self::Panics || x.len() < 2, "a matrix");
        let w = VariableSpec::new("shift", [last_axis(x).1], Initializer::Ones);
        let output = if *self == Self::Shape { [x, &[2]].concat() } else { x.to_vec() };
        let facts = vec![by_last_axis(x), Fact::Rows(std::sync::Arc::new(*self))];
        Ok(Built::new(output, facts).variables(vec![w]))
    }
}

impl RowFunction for Wrong {
    fn name(&self) -> &str {
        "wrong"
    }
    fn weights(&self, inputs: &[usize]) -> Vec<usize> {
        inputs.to_vec()
    }
    fn forward(&self, x: &[f32], w: &RowWeights<'_>, y: &mut [f32]) {
        let more = if let Self::Forgets(more) = self { *more as f32 } else { 0.0 };
        y.iter_mut().zip(x).zip(w[0]).for_each(|((y, x), w)| *y = x + w + more);
    }
    fn backward(
        &self,
        _: &[f32],
        _: &RowWeights<'_>,
        _: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        dw: &mut RowGradients<'_>,
    ) {
        let [fx, fw] = [Self::GradientX, Self::GradientW].map(|wrong| if *self == wrong { 0.9 } else { 1.0 });
        dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx = fx * dy);
        dw[0].iter_mut().zip(dy).for_each(|(dw, dy)| *dw += fw * dy);
    }
    fn reference(&self, x: &[f64], w: &[&[f64]; 4], y: &mut [f64]) -> bool {
        let factor = if *self == Self::Truth { 1.001 } else { 1.0 };
        y.iter_mut().zip(x).zip(w[0]).for_each(|((y, x), w)| *y = x + w * factor);
        !matches!(self, Self::Forgets(_))
    }
    fn formula(&self, inputs: &[usize]) -> Option<Formula> {
        let factor = if *self == Self::Formula { 1.001 } else { 1.0 };
        let forgets = matches!(self, Self::Forgets(_));
        (!forgets).then(|| Formula::row(inputs[0], |x| x + x.weight(0, inputs[0]) * factor))
    }
}

#[test]
fn wrong_layers_are_found() {
    let registry = Registry::new().layer("Wrong", |_, config| match config.integer("factor")? {
        None => Ok(Wrong::Nothing),
        Some(_) => Ok(Wrong::Nothing),
    });
    let check = |wrong| LayerCheck::new(wrong).inputs([[4]]).registry(&registry).run();
    check(Wrong::Nothing).unwrap();
    for (wrong, line) in [
        (Wrong::Forgets(1), "Wrong: computes other numbers when read, expected the same: is a key missing?"),
        (Wrong::Reads, "Wrong: reads its keys as {}, expected {\"factor\":2}"),
        (Wrong::Shape, "states an output of shape (None, 4, 2), but computes 4 values a sample"),
        (Wrong::GradientX, "Wrong: gradient by input 0, element 0: "),
        (Wrong::GradientW, "Wrong: gradient by weight 0, element 0: "),
        (Wrong::Truth, "Wrong: output[0] = "),
        (Wrong::Formula, "Wrong: formula gives "),
        (Wrong::Panics, ") panics, expected a value or an error"),
    ] {
        let Err(found) = check(wrong) else { panic!("{wrong:?} is not found") };
        let found = found.to_string();
        assert!(found.contains(line), "{wrong:?}: {found}");
    }
    let unknown = LayerCheck::new(Wrong::Nothing).inputs([[4]]).run().unwrap_err().to_string();
    assert!(unknown.contains("unknown layer 'Wrong'"), "{unknown}");
}

fn all_keep<'a>(
    results: impl IntoIterator<Item = (&'a str, std::result::Result<(), vanilla::testing::Problems>)>,
) {
    let wrong: Vec<String> = results
        .into_iter()
        .filter_map(|(name, result)| result.err().map(|found| format!("{name}: {found}")))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A penalty has a value and a gradient by what it is laid on, a constraint keys: the contract of a layer with it.
#[test]
fn every_regularizer_and_constraint_keeps_its_contract() {
    let dense = || Dense::new(3).activation("tanh");
    let regularizers = [
        ("l1", dense().kernel_regularizer(L1::new(0.1))),
        ("l1l2", dense().kernel_regularizer(L1L2::new(0.1, 0.2))),
        ("l2", dense().bias_regularizer(L2::new(0.1)).activity_regularizer(L2::new(0.2))),
        ("orthogonal_regularizer", dense().kernel_regularizer(OrthogonalRegularizer::new(0.1))),
    ];
    let constraints = [
        ("max_norm", dense().kernel_constraint(MaxNorm::new(0.5))),
        ("min_max_norm", dense().kernel_constraint(MinMaxNorm::new(0.5, 0.7))),
        ("non_neg", dense().kernel_constraint(NonNeg)),
        ("unit_norm", dense().kernel_constraint(UnitNorm::new())),
    ];
    assert_eq!(regularizers.each_ref().map(|(name, _)| *name)[..], vanilla::regularizers::names());
    assert_eq!(constraints.each_ref().map(|(name, _)| *name)[..], vanilla::constraints::names());
    let layers = regularizers.into_iter().chain(constraints);
    all_keep(layers.map(|(name, layer)| (name, LayerCheck::new(layer).inputs([[4]]).run())));
}

#[test]
fn every_loss_keeps_its_contract() {
    let registry = Registry::new();
    all_keep(losses::names().into_iter().map(|name| (name, check_loss(name, &registry))));
    all_keep([
        ("logits", check_loss(BinaryCrossentropy::new().from_logits(true), &registry)),
        ("logits", check_loss(CategoricalCrossentropy::new().from_logits(true), &registry)),
    ]);
}

#[test]
fn every_metric_keeps_its_contract() {
    let registry = Registry::new();
    // "acc" is one of three others, decided by shapes; what asks for a number gets one.
    let keys_of = |name: &str| match name {
        "acc" => None,
        "io_u" | "one_hot_io_u" => Some(serde_json::json!({ "num_classes": 2, "target_class_ids": [1] })),
        "mean_io_u" | "one_hot_mean_io_u" => Some(serde_json::json!({ "num_classes": 4 })),
        "precision_at_recall" => Some(serde_json::json!({ "recall": 0.5 })),
        "recall_at_precision" => Some(serde_json::json!({ "precision": 0.5 })),
        "sensitivity_at_specificity" => Some(serde_json::json!({ "specificity": 0.5 })),
        "specificity_at_sensitivity" => Some(serde_json::json!({ "sensitivity": 0.5 })),
        _ => Some(serde_json::json!({})),
    };
    let words = metrics::names().into_iter().filter_map(|name| keys_of(name).map(|keys| (name, keys)));
    all_keep(words.map(|(name, keys)| {
        let node = serde_json::json!({ "class_name": name, "config": keys });
        (name, check_metric(MetricArg::Config(node), &registry))
    }));
}

#[test]
fn every_optimizer_keeps_its_contract() {
    let registry = Registry::new();
    all_keep(optimizers::names().into_iter().map(|name| (name, check_optimizer(name, &registry))));
    all_keep([("momentum", check_optimizer(SGD::new(0.01).momentum(0.9).nesterov(true), &registry))]);
}

#[test]
fn every_schedule_keeps_its_contract() {
    let schedules: Vec<Box<dyn Schedule>> = vec![
        Box::new(CosineDecay::new(0.1, 100)),
        Box::new(CosineDecayRestarts::new(0.1, 30)),
        Box::new(ExponentialDecay::new(0.1, 10, 0.9)),
        Box::new(InverseTimeDecay::new(0.1, 10, 0.5)),
        Box::new(LinearWarmup::new(0.1, 20)),
        Box::new(OneCycle::new(0.1, 100)),
        Box::new(PiecewiseConstantDecay::new([10, 50], [0.1, 0.01, 0.001])),
        Box::new(PolynomialDecay::new(0.1, 100)),
    ];
    let registry = Registry::new();
    let checked: Vec<&str> = schedules.iter().map(|schedule| schedule.class_name()).collect();
    assert_eq!(checked, vanilla::schedules::class_names(), "the table of this test");
    all_keep(schedules.iter().map(|schedule| (schedule.class_name(), check_schedule(&**schedule, &registry))));
}

#[test]
fn every_callback_keeps_its_contract() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let registry = Registry::new();
    let checked = [
        // `BackupAndRestore` has no value: its word is refused.
        ("BackupAndRestore", Ok(())),
        ("CSVLogger", check_callback(|| CSVLogger::new(at("log.csv")), &registry)),
        (
            "EarlyStopping",
            check_callback(|| EarlyStopping::new().patience(2).restore_best_weights(true), &registry),
        ),
        ("LambdaCallback", check_callback(LambdaCallback::new, &registry)),
        ("LearningRateScheduler", check_callback(|| LearningRateScheduler::new(|_, rate| rate / 2.0), &registry)),
        (
            "ModelCheckpoint",
            check_callback(
                || ModelCheckpoint::new(at("best.keras").display().to_string()).save_best_only(true),
                &registry,
            ),
        ),
        ("ProgbarLogger", check_callback(ProgbarLogger::new, &registry)),
        ("ReduceLROnPlateau", check_callback(|| ReduceLROnPlateau::new().patience(1), &registry)),
        ("SwapEMAWeights", check_callback(SwapEMAWeights::new, &registry)),
        ("TensorBoard", check_callback(|| TensorBoard::new(at("logs")), &registry)),
        ("TerminateOnNaN", check_callback(TerminateOnNaN::new, &registry)),
    ];
    let classes: Vec<&str> = checked.iter().map(|(class, _)| *class).collect();
    assert_eq!(classes, vanilla::callbacks::class_names(), "the table of this test");
    all_keep(checked);
}

/// A loss, metric, optimizer, schedule and callback that are wrong in one way.
#[derive(Clone, Copy, Debug)]
struct Off(&'static str);

fn keys_of(off: Off) -> Keys {
    if off.0 == "keys" { Keys::from_iter([("factor".to_owned(), 2.into())]) } else { Keys::new() }
}

impl vanilla::plan::Loss for Off {
    fn name(&self) -> &str {
        "off"
    }
    fn row(&self, _: &Kernels, target: &[f32], prediction: &[f32], d: &mut [f32]) -> f32 {
        let factor = if self.0 == "gradient" { 0.97 } else { 1.0 };
        let errors: Vec<f32> = prediction.iter().zip(target).map(|(p, t)| p - t).collect();
        d.iter_mut().zip(&errors).for_each(|(d, e)| *d = 2.0 * factor * e);
        let loss: f32 = errors.iter().map(|e| e * e).sum();
        if self.0 == "nan" { loss.max(0.0) } else { loss }
    }
}

impl losses::Loss for Off {
    fn class_name(&self) -> &str {
        "Off"
    }
    fn config(&self) -> Keys {
        keys_of(*self)
    }
    fn targets(&self) -> losses::Targets {
        losses::Targets::Numbers
    }
}

impl metrics::Metric for Off {
    fn class_name(&self) -> &str {
        "Off"
    }
    fn name(&self) -> &str {
        "off"
    }
    fn config(&self) -> Keys {
        keys_of(*self)
    }
    fn observe(&self, row: &metrics::Row<'_>, weight: f64, sums: &mut [f64]) {
        let weight = if self.0 == "weight" { 1.0 } else { weight };
        sums[0] = f64::from(row.output[0]) * weight + if self.0 == "order" { 0.5 * sums[0] } else { sums[0] };
        sums[1] += weight;
    }
    fn result(&self, sums: &[f64]) -> f64 {
        if self.0 == "empty" { sums[0] / sums[1] } else { metrics::ratio(sums[0], sums[1]) }
    }
}

#[derive(Debug)]
struct OffRule(&'static str, optimizers::Common);

impl optimizers::Optimizer for OffRule {
    fn class_name(&self) -> &str {
        "Off"
    }
    fn common(&self) -> &optimizers::Common {
        &self.1
    }
    fn update(
        &self,
        _: &Kernels,
        c: &optimizers::Coefficients,
        w: &mut [f32],
        g: &[f32],
        _: &mut optimizers::Slots<'_>,
    ) {
        let more = if self.0 == "pieces" { w.len() as f32 * 1e-3 } else { 0.0 };
        let rate = if self.0 == "uphill" { -c[0] } else { c[0] };
        for (w, g) in w.iter_mut().zip(g) {
            let g = if self.0 == "nan" { g.max(-1e6) } else { *g };
            *w -= rate * g + more;
        }
    }
}

impl Schedule for Off {
    fn class_name(&self) -> &str {
        "Off"
    }
    fn config(&self) -> Keys {
        keys_of(*self)
    }
    fn at(&self, step: u64) -> f32 {
        if self.0 == "below" { 1.0 - step as f32 / 100.0 } else { 1.0 }
    }
}

impl vanilla::callbacks::Callback for Off {
    fn class_name(&self) -> &str {
        "Off"
    }
    fn config(&self) -> Keys {
        keys_of(*self)
    }
    fn on_epoch_end(
        &mut self,
        epoch: usize,
        _: &mut vanilla::Logs,
        _: &mut vanilla::callbacks::Training<'_>,
    ) -> Result<()> {
        assert!(self.0 != "panics" || epoch < 2, "the third epoch");
        Ok(())
    }
    fn state(&self) -> serde_json::Value {
        if self.0 == "forgets" { format!("{:p}", Box::new(0)).into() } else { 1.into() }
    }
}

#[test]
fn wrong_words_of_a_training_are_found() {
    // They read as the one that is right.
    fn known<T>(config: &mut vanilla::config::Config, right: T) -> Result<T> {
        config.integer("factor").map(|_| right)
    }
    let right = || OffRule("", optimizers::Common::new(0.1));
    let registry = Registry::new()
        .loss("Off", |config| known(config, Off("")))
        .metric("Off", |config| known(config, Off("")))
        .schedule("Off", |config| known(config, Off("")))
        .callback("Off", |config| known(config, Off("")))
        .optimizer("Off", |config| Ok(OffRule("", optimizers::Common::new(0.1).from_config(config)?)));
    let below = Registry::new().schedule("Off", |_| Ok(Off("below")));
    check_loss(Off(""), &registry).unwrap();
    check_metric(Off(""), &registry).unwrap();
    check_optimizer(right(), &registry).unwrap();
    check_schedule(&Off(""), &registry).unwrap();
    check_callback(|| Off(""), &registry).unwrap();

    let rule = |wrong| check_optimizer(OffRule(wrong, optimizers::Common::new(0.1)), &registry);
    for (found, line) in [
        (check_loss(Off("keys"), &registry), "Off: reads its keys as {}, expected {\"factor\":2}"),
        (check_loss(Off("gradient"), &registry), "Off: gradient by prediction 0 of 1: "),
        (check_loss(Off("nan"), &registry), "Off: the loss of NaN is 0, expected NaN"),
        (check_loss(Off(""), &Registry::new()), "unknown loss 'Off'"),
        (check_loss("moose", &registry), "loss: unknown loss 'moose'"),
        (check_metric(Off("keys"), &registry), "Off: reads its keys as {}, expected {\"factor\":2}"),
        (check_metric(Off("weight"), &registry), "with samples that count nothing, expected"),
        (check_metric(Off("order"), &registry), "in the other order, expected"),
        (check_metric(Off("empty"), &registry), "the result before anything was seen is NaN, expected a number"),
        (rule("pieces"), "a variable [6, 5] in pieces of 16 has other bits, expected the same"),
        (rule("uphill"), " along a gradient that stays the same, expected against it"),
        (rule("nan"), "a gradient of NaN leaves a weight a number, expected NaN"),
        (check_schedule(&Off("keys"), &registry), "Off: reads its keys as {}, expected {\"factor\":2}"),
        (check_schedule(&Off("below"), &below), "the rate of step 101 is "),
        (check_callback(|| Off("keys"), &registry), "Off: reads its keys as {}, expected {\"factor\":2}"),
        (check_callback(|| Off("panics"), &registry), "a training panics, expected a value or an error"),
    ] {
        let found = found.expect_err(line).to_string();
        assert!(found.contains(line), "{line}: {found}");
    }
}
