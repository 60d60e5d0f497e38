//! The words of `preprocessing` as layers: they work on the data before those reach the network.

use super::{Built, Common, Layer};
use crate::config::{Config, Keys};
use crate::error::{Error, Result};
use crate::preprocessing::{IndexLookup, Preprocessor, Token};
use std::sync::Arc;

pub use crate::preprocessing::{CategoryEncoding, Discretization, Hashing, IntegerLookup, StringLookup};

macro_rules! before_the_network {
    ($([$($parameter:tt)*] $word:ty;)*) => {
        $(impl<$($parameter)*> Layer for $word {
            fn class_name(&self) -> &str {
                Preprocessor::class_name(self)
            }
            fn common(&self) -> &Common {
                self.common()
            }
            fn config(&self) -> Keys {
                Preprocessor::config(self)
            }
            // Where a preprocessor may stand, nobody asks for facts.
            fn build(&self, place: &str, _: &[Vec<usize>]) -> Result<Built> {
                let problem = "works on the data themselves: put it directly behind an input";
                Err(Error::config(place, problem))
            }
            fn preprocessor(&self) -> Option<&dyn Preprocessor> {
                Some(self)
            }
        })*
    };
}

before_the_network! {
    [] CategoryEncoding;
    [] Discretization;
    [] Hashing;
    [T: Token] IndexLookup<T>;
}

/// The class names and what reads their keys, `dtype` included.
macro_rules! words {
    ($($word:ident)*) => {
        pub(super) const CLASSES: &[&str] = &[$($word::CLASS),*];

        pub(super) fn known(class: &str, common: Common, config: &mut Config) -> Result<Option<Arc<dyn Layer>>> {
            Ok(Some(match class {
                $($word::CLASS => Arc::new($word::from_config(common, config)?),)*
                _ => return Ok(None),
            }))
        }
    };
}

words! { CategoryEncoding Discretization Hashing IntegerLookup StringLookup }

#[cfg(test)]
mod tests {
    use super::super::checks::from_keys;
    use super::super::{Dense, Embedding};
    use crate::config::keys;
    use crate::prelude::*;

    #[test]
    fn names_and_types_are_read() {
        let keys = keys! { "name": "colour", "trainable": true, "dtype": "string", "vocabulary": ["a"] };
        let layer = from_keys("StringLookup", keys).unwrap();
        assert_eq!(layer.common().name.as_deref(), Some("colour"));
        assert!(layer.preprocessor().is_some());
        let policy = serde_json::json!({ "class_name": "DTypePolicy", "config": { "name": "int64" } });
        from_keys("Hashing", keys! { "num_bins": 3, "dtype": policy }).unwrap();
        assert_eq!(
            from_keys("CategoryEncoding", keys! { "num_tokens": 3, "dtype": "float16" }).unwrap_err().to_string(),
            "CategoryEncoding: dtype = \"float16\", expected float32: leave it out"
        );
        assert!(from_keys("Dense", keys! { "units": 3, "dtype": "float16" }).is_err());
    }

    /// Strings in, a network behind: from the description again, too.
    #[test]
    fn in_front_of_an_embedding() {
        let colours = Tensor::new(vec!["red", "blue", "red", "pink"], [4, 1]).unwrap();
        let input = Input::new([1]).dtype("string").tensor();
        let numbers = StringLookup::new().vocabulary(["red", "blue"]).name("lookup").call(&input);
        let y = Dense::new(2).call(&Embedding::new(3, 4).call(&numbers));
        let model = Model::new(&input, &y).unwrap();
        let got = model.predict(&colours).unwrap();
        assert_eq!(got.shape(), [4, 1, 2]);
        assert_eq!(got.to_f32()[..2], got.to_f32()[4..6]);
        let mut again = Model::from_json(&model.to_json().unwrap()).unwrap();
        again.set_weights(&model.get_weights()).unwrap();
        assert_eq!(again.predict(&colours).unwrap(), got);
    }

    #[test]
    fn only_in_front() {
        let input = Input::new([2]).tensor();
        let behind = IntegerLookup::new().vocabulary([1]).call(&Dense::new(2).call(&input));
        let error = Model::new(&input, &behind).unwrap_err().to_string();
        assert!(error.contains("stands behind a layer that computes"), "{error}");
        let wrapped = SpectralNormalization::new(IntegerLookup::new().vocabulary([1])).call(&input);
        assert_eq!(
            Model::new(&input, &wrapped).unwrap_err().to_string(),
            "layer 'spectral_normalization' (SpectralNormalization): works on the data themselves: put it directly \
             behind an input"
        );
    }
}
