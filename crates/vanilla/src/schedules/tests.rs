//! Recorded rates, closed forms, round trips, errors.

use super::*;
use serde_json::json;

fn of(class: &str, keys: Value) -> Arc<dyn Schedule> {
    from_config(class, keys.as_object().unwrap().clone(), &Registry::default()).unwrap()
}

fn error(class: &str, keys: Value) -> String {
    from_config(class, keys.as_object().unwrap().clone(), &Registry::default()).unwrap_err().to_string()
}

/// 31 steps of Keras's schedules.
#[test]
fn recorded_rates() {
    let golden: Value = serde_json::from_str(include_str!("../../tests/golden/golden.json")).unwrap();
    let golden = golden["schedules"].as_object().unwrap();
    let runs: Vec<(&str, Arc<dyn Schedule>)> = vec![
        ("Exponential", Arc::new(ExponentialDecay::new(0.1, 10, 0.5))),
        ("Exponential_stair", Arc::new(ExponentialDecay::new(0.1, 10, 0.5).staircase(true))),
        ("Piecewise", Arc::new(PiecewiseConstantDecay::new([5, 12], [1.0, 0.5, 0.1]))),
        ("Poly", Arc::new(PolynomialDecay::new(0.1, 20).end_learning_rate(0.01).power(2.0))),
        ("Poly_cycle", Arc::new(PolynomialDecay::new(0.1, 10).end_learning_rate(0.01).cycle(true))),
        ("InvTime", Arc::new(InverseTimeDecay::new(0.1, 10, 0.5))),
        ("Cosine", Arc::new(CosineDecay::new(0.1, 20).alpha(0.1))),
        ("Cosine_warm", Arc::new(CosineDecay::new(0.0, 20).warmup(0.1, 5))),
        ("Restarts", Arc::new(CosineDecayRestarts::new(0.1, 5).m_mul(0.9).alpha(0.05))),
    ];
    assert_eq!(runs.len(), golden.len());
    for (name, schedule) in runs {
        let recorded = golden[name].as_array().unwrap();
        assert_eq!(recorded.len(), 31);
        for (step, want) in recorded.iter().enumerate() {
            let (got, want) = (schedule.at(step as u64), want.as_f64().unwrap() as f32);
            assert!((got - want).abs() <= 1e-6 * want.abs().max(0.01), "{name} step {step}: {got} not {want}");
        }
    }
}

/// Against PyTorch's definition, step by step; up, down, and nothing after the end.
#[test]
fn one_cycle_and_warmup() {
    let cycle = OneCycle::new(0.5, 20).pct_start(0.25).div_factor(10.0).final_div_factor(100.0);
    let half = |a: f64, b: f64, share: f64| b + (a - b) * (1.0 + (std::f64::consts::PI * share).cos()) / 2.0;
    for step in 0..40u64 {
        let want = match step {
            0..=4 => half(0.05, 0.5, step as f64 / 4.0),
            5..=19 => half(0.5, 0.0005, (step as f64 - 4.0) / 15.0),
            _ => 0.0005,
        };
        assert!((f64::from(cycle.at(step)) - want).abs() < 1e-7, "step {step}: {} not {want}", cycle.at(step));
    }
    for (total, share) in [(1, 0.3), (1, 1.0), (2, 0.5), (5, 0.0), (5, 1.0)] {
        let cycle = OneCycle::new(0.5, total).pct_start(share);
        assert!((0..9).all(|step| cycle.at(step) > 0.0 && cycle.at(step) <= 0.5), "{cycle:?}");
    }
    let warmup = LinearWarmup::new(0.4, 4).initial_learning_rate(0.2);
    assert_eq!([0, 1, 2, 3, 4, 5].map(|step| warmup.at(step)), [0.2, 0.25, 0.3, 0.35, 0.4, 0.4]);
    let inner = ExponentialDecay::new(0.8, 1, 0.5);
    let warmup = LinearWarmup::new(inner, 2);
    assert_eq!([0, 1, 2, 3, 4].map(|step| warmup.at(step)), [0.0, 0.4, 0.8, 0.4, 0.2]);
    assert_eq!(LinearWarmup::new(0.5, 0).at(0), 0.5);
}

/// Borders between periods, where logarithms are rounded.
#[test]
fn restarts_start_at_their_step() {
    for (factor, first) in [(2.0, 5u64), (3.0, 7), (1.5, 64), (1.0, 4), (5.0, 1)] {
        let schedule = CosineDecayRestarts::new(1.0, first).t_mul(factor);
        let (mut border, mut length) = (0.0, first as f64);
        for period in 0..12 {
            if f64::fract(border) == 0.0 {
                assert_eq!(schedule.at(border as u64), 1.0, "period {period} of t_mul {factor}, step {border}");
            }
            border += length;
            length *= factor;
        }
    }
}

/// The largest step, and all around it, gives a rate.
#[test]
fn every_step_has_a_rate() {
    let whole = |class: &str| match class {
        "PiecewiseConstantDecay" => json!({ "boundaries": [3, 9], "values": [1.0, 0.5, 0.25] }),
        "CosineDecayRestarts" => json!({ "initial_learning_rate": 0.1, "first_decay_steps": 7, "t_mul": 1.1 }),
        "PolynomialDecay" => {
            json!({ "initial_learning_rate": 0.1, "decay_steps": 7, "power": 0.5, "cycle": true })
        }
        "OneCycle" => json!({ "max_learning_rate": 0.1, "total_steps": 11 }),
        "LinearWarmup" => json!({ "learning_rate": 0.1, "warmup_steps": 2.5 }),
        "CosineDecay" => {
            json!({ "initial_learning_rate": 0.1, "decay_steps": 7, "warmup_target": 0.2, "warmup_steps": 3 })
        }
        _ => json!({ "initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5, "staircase": true }),
    };
    for class in class_names() {
        let schedule = of(class, whole(class));
        for step in (0..1000).chain([u64::MAX / 3, u64::MAX - 1, u64::MAX]) {
            assert!(schedule.at(step).is_finite(), "{class} step {step}: {}", schedule.at(step));
        }
        let node = to_config(&*schedule);
        let again = from_value(&node, &Registry::default()).unwrap();
        assert_eq!(to_config(&*again), node);
        assert_eq!(
            (0..50).map(|step| again.at(step)).collect::<Vec<_>>(),
            (0..50).map(|step| schedule.at(step)).collect::<Vec<_>>()
        );
    }
}

/// Keras's names of nodes, and whole steps without a point.
#[test]
fn as_keras_writes_them() {
    let schedule = PiecewiseConstantDecay::new([5, 12], [1.0, 0.5, 0.1]);
    let config = json!({ "boundaries": [5, 12], "values": [1.0, 0.5, 0.1], "name": "PiecewiseConstant" });
    assert_eq!(to_config(&schedule)["config"], config);
    let schedule = CosineDecayRestarts::new(0.1, 5);
    let config = json!({
        "initial_learning_rate": 0.1, "first_decay_steps": 5, "t_mul": 2.0, "m_mul": 1.0, "alpha": 0.0,
        "name": "SGDRDecay",
    });
    assert_eq!(to_config(&schedule)["config"], config);
    let config = json!({
        "initial_learning_rate": 0.1, "decay_steps": 5, "alpha": 0.0, "name": "CosineDecay", "warmup_target": null,
        "warmup_steps": 0,
    });
    assert_eq!(to_config(&CosineDecay::new(0.1, 5))["config"], config);
    let node = to_config(&LinearWarmup::new(CosineDecay::new(0.1, 5), 3));
    assert_eq!(node["config"]["learning_rate"]["config"], config);
}

#[test]
fn errors() {
    let with = |base: &[(&str, f64)], key: &str, value: Value| {
        let mut keys: Keys = base.iter().map(|(key, value)| (key.to_string(), json!(value))).collect();
        keys.insert(key.to_owned(), value);
        Value::Object(keys)
    };
    let decay = [("initial_learning_rate", 0.1), ("decay_steps", 10.0), ("decay_rate", 0.5)];
    let falls = &decay[..2];
    let restarts = [("initial_learning_rate", 0.1), ("first_decay_steps", 10.0)];
    let cycle = [("max_learning_rate", 0.1), ("total_steps", 10.0)];
    let warmup = [("learning_rate", 0.1), ("warmup_steps", 10.0)];
    let word = json!("soon");
    for (class, base) in [
        ("ExponentialDecay", &decay[..]),
        ("InverseTimeDecay", &decay),
        ("PolynomialDecay", falls),
        ("CosineDecay", falls),
        ("CosineDecayRestarts", &restarts),
        ("OneCycle", &cycle),
        ("LinearWarmup", &warmup),
    ] {
        // No key takes a word, and none that has no default may be missing.
        for key in to_config(&*of(class, with(base, "name", json!("any"))))["config"].as_object().unwrap().keys() {
            if key != "name" {
                let text = error(class, with(base, key, word.clone()));
                assert!(text.contains(class) && (text.contains(key) || text.contains("soon")), "{text}");
            }
        }
        for (key, _) in base {
            let text = error(class, with(base, key, Value::Null));
            assert!(text.contains(&format!("{key} is missing")), "{text}");
        }
        let text = error(class, with(base, "decay_step", json!(3)));
        assert!(text.contains("decay_step = 3 is not supported"), "{text}");
    }
    for (class, base, key, value, expected) in [
        ("ExponentialDecay", &decay[..], "decay_steps", 0.0, "a number of steps, above 0"),
        ("InverseTimeDecay", &decay, "decay_steps", -1.0, "a number of steps, above 0"),
        ("InverseTimeDecay", &decay, "decay_rate", -1.0, "a number, at least 0"),
        ("PolynomialDecay", falls, "decay_steps", 0.0, "a number of steps, above 0"),
        ("PolynomialDecay", falls, "power", -1.0, "a number, at least 0"),
        ("CosineDecay", falls, "decay_steps", 0.0, "a number of steps, above 0"),
        ("CosineDecay", falls, "warmup_steps", -1.0, "a number of steps, at least 0"),
        ("CosineDecayRestarts", &restarts, "first_decay_steps", 0.0, "a number of steps, above 0"),
        ("CosineDecayRestarts", &restarts, "t_mul", 0.5, "a number, at least 1"),
        ("OneCycle", &cycle, "max_learning_rate", 0.0, "a number, above 0"),
        ("OneCycle", &cycle, "total_steps", 0.0, "a number of steps, above 0"),
        ("OneCycle", &cycle, "pct_start", 1.5, "a share from 0 to 1"),
        ("OneCycle", &cycle, "div_factor", 0.0, "a number, above 0"),
        ("OneCycle", &cycle, "final_div_factor", 0.0, "a number, above 0"),
        ("LinearWarmup", &warmup, "learning_rate", -1.0, "a number, at least 0"),
        ("LinearWarmup", &warmup, "warmup_steps", -1.0, "a number of steps, at least 0"),
    ] {
        let text = error(class, with(base, key, json!(value)));
        let wanted = format!("{key} = {value}, expected {expected}");
        assert!(text.contains(class) && text.contains(&wanted), "{text}");
    }
    let pieces = |boundaries: Value, values: Value| {
        error("PiecewiseConstantDecay", json!({ "boundaries": boundaries, "values": values }))
    };
    assert!(pieces(json!([]), json!([1.0])).contains("boundaries = [], expected at least one step"));
    assert!(pieces(json!([3]), json!([1.0])).contains("values: 1, expected 2, one more than boundaries"));
    assert!(pieces(json!([3, 2]), json!([1, 2, 3])).contains("2 after 3, expected steps that do not fall"));
    assert!(pieces(json!("x"), json!([1.0])).contains("boundaries = \"x\", expected a number or a list"));
    assert!(pieces(Value::Null, json!([1.0])).contains("boundaries is missing: a list of numbers"));
    let inner = json!({ "learning_rate": { "class_name": "CosineDecy" }, "warmup_steps": 2 });
    assert!(error("LinearWarmup", inner).contains("unknown schedule 'CosineDecy'"));
    let inner = CosineDecay::new(0.1, 0);
    assert!(LinearWarmup::new(inner, 2).check().unwrap_err().contains("CosineDecay: decay_steps = 0"));
    assert!(error("Cosine", json!({})).contains("unknown schedule 'Cosine'"));
}
