//! The inside of a model, for tests that compare every gradient with recorded ones.

use crate::model::Model;
use vanilla_plan::{Network, Params};

impl Model {
    /// The network that plans are made of, once the input shape is known.
    #[doc(hidden)]
    pub fn network(&self) -> Option<&Network> {
        self.built.as_ref().map(|built| &built.network)
    }

    /// Its weights.
    #[doc(hidden)]
    pub fn params(&self) -> Option<&Params> {
        self.built.as_ref().map(|built| &built.params)
    }
}
