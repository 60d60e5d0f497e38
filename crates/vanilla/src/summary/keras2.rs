//! The layer table of Keras 2.3 to tf.keras 2.6: 65 wide (98 with connections), truncated, never wrapped. The column
//! `Trainable` came with 2.8; here it is appended in the older style.

use super::styled::{Ink, Line, line, set_cells, tame};
use super::{Summary, thousands};

impl Summary {
    pub(super) fn keras2(&self) -> String {
        let (mut length, mut ends) =
            if self.connected_to { (98, vec![32, 53, 65, 98]) } else { (65, vec![29, 55, 65]) };
        let mut header = vec!["Layer (type)", "Output Shape", "Param #"];
        if self.connected_to {
            header.push("Connected to");
        }
        if self.show_trainable {
            length += 11;
            ends.push(length);
            header.push("Trainable");
        }
        let print = |out: &mut String, fields: &[&str]| {
            let mut text = Line::new();
            for (i, &end) in ends.iter().enumerate() {
                if i > 0 {
                    text = set_cells(text, ends[i - 1] - 1);
                    text.push((' ', Ink::Plain));
                }
                text.extend(line(&[(fields.get(i).unwrap_or(&""), Ink::Plain)]));
                text = set_cells(text, end);
            }
            out.extend(text.iter().map(|&(c, _)| c));
            out.push('\n');
        };
        let mut out = format!("Model: \"{}\"\n", tame(&self.model_name));
        let (thin, thick) = ("_".repeat(length) + "\n", "=".repeat(length) + "\n");
        out += &thin;
        print(&mut out, &header);
        out += &thick;
        for (i, row) in self.rows.iter().enumerate() {
            let name = format!("{} ({})", row.name, row.class);
            let params = if row.unbuilt() { "0 (unused)".into() } else { row.params.to_string() };
            let mut fields = vec![name.as_str(), &row.output_shape, &params];
            if self.connected_to {
                fields.push(row.connections.first().map_or("", |link| link));
            }
            if self.show_trainable {
                fields.push(if row.trainable == Some(false) { "N" } else { "Y" });
            }
            print(&mut out, &fields);
            if self.connected_to {
                row.connections.iter().skip(1).for_each(|link| print(&mut out, &["", "", "", link]));
            }
            out += if i + 1 == self.rows.len() { &thick } else { &thin };
        }
        let (trained, fixed) = (self.trainable_params, self.non_trainable_params);
        let all = thousands(trained.saturating_add(fixed));
        out += &format!("Total params: {all}\nTrainable params: {}\n", thousands(trained));
        out + &format!("Non-trainable params: {}\n{thin}", thousands(fixed))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Layout;
    use super::super::styled::cells;
    use super::super::tests::{RECORDED, recorded, tutorial};
    use super::*;

    #[test]
    fn keras2_prints_the_tutorial() {
        let expected = r#"
Model: "sequential"
_________________________________________________________________
Layer (type)                 Output Shape              Param #   
=================================================================
dense (Dense)                (None, 1000)              785000    
_________________________________________________________________
dense_1 (Dense)              (None, 10)                10010     
=================================================================
Total params: 795,010
Trainable params: 795,010
Non-trainable params: 0
_________________________________________________________________
"#;
        assert_eq!(tutorial().render(Layout::Keras2, 20, true), expected[1..]);
    }

    #[test]
    fn keras2_cuts_and_connects() {
        let (mut summary, ..) = recorded(RECORDED).into_iter().find(|r| r.0.connected_to).unwrap();
        summary.show_trainable = true;
        summary.rows.truncate(6);
        summary.rows[0].name = "隠れ層ニューラルネットワーク".into();
        summary.rows[5].output_shape = "?".into();
        let text = summary.render(Layout::Keras2, 80, false);
        let widths = |l: &str| cells(&line(&[(l, Ink::Plain)]));
        let mut table = text.lines().skip(1).take_while(|l| !l.starts_with("Total"));
        assert!(table.all(|l| widths(l) == 109), "{text}");
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(
            rows[4],
            "隠れ層ニューラルネットワーク (I (None, 8)            0                                            Y          "
        );
        assert_eq!(
            rows[10],
            "shared (Dense)                  (None, 4)            68          widen[0][0]                      Y          "
        );
        assert_eq!(
            rows[11],
            "                                                                 left[0][0]                                  "
        );
        assert!(rows[15].contains("? ") && rows[15].contains(" 0 (unused) "), "{text}");
    }
}
