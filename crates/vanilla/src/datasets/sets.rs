//! The known data sets: what they are, what their bytes are, and where they can be had.
//!
//! Where the numbers come from:
//! - mnist: hashes of the plain files from the files themselves (`vanilla-mnist`); sizes and hashes of the `.gz` from
//!   TensorFlow Datasets, `url_checksums/mnist.txt`.
//! - fashion_mnist: sizes and hashes of the `.gz` from TensorFlow Datasets, `url_checksums/fashion_mnist.txt`; hashes
//!   of the plain files from Debian's package `dataset-fashion-mnist` 0.0~git20200523, whose `.gz` are others.
//! - cifar10: the archive from TensorFlow Datasets, `url_checksums/cifar10.txt`; its parts from torchvision-ruby,
//!   `lib/torchvision/datasets/cifar10.rb`.
//! - boston_housing, california_housing: hashes from Keras 3, `keras/src/datasets`; sizes from what it prints while it
//!   downloads them.

use super::known::{Form, Known, KnownFile, Remote, Samples};

/// All known data sets.
pub const KNOWN: &[Known] =
    &[BOSTON_HOUSING, CALIFORNIA_HOUSING, CALIFORNIA_HOUSING_SMALL, CIFAR10, FASHION_MNIST, MNIST];

const fn file(name: &'static str, bytes: u64, sha256: &'static str) -> KnownFile {
    KnownFile { name, bytes, sha256 }
}

const fn remote(name: &'static str, bytes: u64, sha256: &'static str, mirrors: &'static [&'static str]) -> Remote {
    Remote { name, bytes, sha256, mirrors }
}

/// Handwritten digits.
pub(super) const MNIST: Known = Known {
    name: "mnist",
    about: "handwritten digits: 60,000 + 10,000 images of 28 x 28, 10 classes",
    rows: [60_000, 10_000],
    samples: Samples::Images {
        shape: &[28, 28],
        class_names: &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    },
    files: &[
        file(
            "train-images-idx3-ubyte",
            47_040_016,
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        file(
            "train-labels-idx1-ubyte",
            60_008,
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        file(
            "t10k-images-idx3-ubyte",
            7_840_016,
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        file("t10k-labels-idx1-ubyte", 10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    ],
    downloads: &[
        remote(
            "train-images-idx3-ubyte.gz",
            9_912_422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            MNIST_MIRRORS,
        ),
        remote(
            "train-labels-idx1-ubyte.gz",
            28_881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            MNIST_MIRRORS,
        ),
        remote(
            "t10k-images-idx3-ubyte.gz",
            1_648_877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            MNIST_MIRRORS,
        ),
        remote(
            "t10k-labels-idx1-ubyte.gz",
            4_542,
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            MNIST_MIRRORS,
        ),
    ],
    licence: "CC BY-SA 3.0 (Y. LeCun, C. Cortes)",
    homepage: "http://yann.lecun.com/exdb/mnist/",
    folder: "mnist",
    system: &[],
    form: Form::Idx,
    #[cfg(feature = "mnist")]
    embedded: Some(|| {
        let mnist = vanilla_mnist::load();
        [mnist.train_images, mnist.train_labels, mnist.test_images, mnist.test_labels]
    }),
    #[cfg(not(feature = "mnist"))]
    embedded: None,
};

const MNIST_MIRRORS: &[&str] = &[
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "http://storage.googleapis.com/cvdf-datasets/mnist/",
];

/// Pictures of clothes.
pub(super) const FASHION_MNIST: Known = Known {
    name: "fashion_mnist",
    about: "pictures of clothes: 60,000 + 10,000 images of 28 x 28, 10 classes",
    rows: [60_000, 10_000],
    samples: Samples::Images {
        shape: &[28, 28],
        class_names: &[
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ],
    },
    files: &[
        file(
            "train-images-idx3-ubyte",
            47_040_016,
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        file(
            "train-labels-idx1-ubyte",
            60_008,
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        file(
            "t10k-images-idx3-ubyte",
            7_840_016,
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        file("t10k-labels-idx1-ubyte", 10_008, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
    ],
    downloads: &[
        remote(
            "train-images-idx3-ubyte.gz",
            26_421_880,
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            FASHION_MIRRORS,
        ),
        remote(
            "train-labels-idx1-ubyte.gz",
            29_515,
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            FASHION_MIRRORS,
        ),
        remote(
            "t10k-images-idx3-ubyte.gz",
            4_422_102,
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            FASHION_MIRRORS,
        ),
        remote(
            "t10k-labels-idx1-ubyte.gz",
            5_148,
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            FASHION_MIRRORS,
        ),
    ],
    licence: "MIT (Zalando SE)",
    homepage: "https://github.com/zalandoresearch/fashion-mnist",
    folder: "fashion_mnist",
    system: &["/usr/share/datasets/fashion-mnist"],
    form: Form::Idx,
    embedded: None,
};

const FASHION_MIRRORS: &[&str] = &[
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
];

/// Small colour pictures.
pub(super) const CIFAR10: Known = Known {
    name: "cifar10",
    about: "small colour pictures: 50,000 + 10,000 images of 32 x 32 x 3, 10 classes",
    rows: [50_000, 10_000],
    samples: Samples::Images {
        shape: &[32, 32, 3],
        class_names: &["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
    },
    files: &[
        file("data_batch_1.bin", CIFAR_BATCH, "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"),
        file("data_batch_2.bin", CIFAR_BATCH, "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"),
        file("data_batch_3.bin", CIFAR_BATCH, "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"),
        file("data_batch_4.bin", CIFAR_BATCH, "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"),
        file("data_batch_5.bin", CIFAR_BATCH, "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"),
        file("test_batch.bin", CIFAR_BATCH, "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"),
    ],
    downloads: &[remote(
        "cifar-10-binary.tar.gz",
        170_052_171,
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        &[
            "https://www.cs.toronto.edu/~kriz/",
            "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
            "http://www.cs.toronto.edu/~kriz/",
        ],
    )],
    licence: "none stated; A. Krizhevsky, \"Learning Multiple Layers of Features from Tiny Images\", 2009",
    homepage: "https://www.cs.toronto.edu/~kriz/cifar.html",
    folder: "cifar10",
    system: &[],
    form: Form::Cifar,
    embedded: None,
};

/// 10,000 records of a label and 3 x 32 x 32 bytes.
const CIFAR_BATCH: u64 = 30_730_000;

/// House prices in Boston.
pub(super) const BOSTON_HOUSING: Known = Known {
    name: "boston_housing",
    about: "house prices in Boston suburbs, in 1000 $: 404 + 102 rows of 13 numbers (one of them, B, is about race)",
    rows: [404, 102],
    samples: Samples::Table {
        columns: &[
            "CRIM", "ZN", "INDUS", "CHAS", "NOX", "RM", "AGE", "DIS", "RAD", "TAX", "PTRATIO", "B", "LSTAT",
        ],
        target: "MEDV",
        unit: 1.0,
    },
    files: &[file(
        "boston_housing.npz",
        57_026,
        "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
    )],
    downloads: &[remote(
        "boston_housing.npz",
        57_026,
        "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
        &[
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            "https://s3.amazonaws.com/keras-datasets/",
            "http://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        ],
    )],
    licence: "none stated; D. Harrison, D. L. Rubinfeld, 1978, by StatLib",
    homepage: "http://lib.stat.cmu.edu/datasets/boston",
    folder: "boston_housing",
    system: &[],
    form: Form::Table { first_rows: None },
    embedded: None,
};

/// House prices in California.
pub(super) const CALIFORNIA_HOUSING: Known = Known {
    name: "california_housing",
    about: "house prices in California, in $: 16,512 + 4,128 rows of 8 numbers (Keras's version \"large\")",
    rows: [16_512, 4_128],
    // The order of StatLib's table, which the file has; Keras's documentation names derived columns.
    samples: Samples::Table {
        columns: &[
            "longitude",
            "latitude",
            "housing_median_age",
            "total_rooms",
            "total_bedrooms",
            "population",
            "households",
            "median_income",
        ],
        target: "median_house_value",
        unit: 100_000.0,
    },
    files: &[file(
        "california_housing.npz",
        743_530,
        "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
    )],
    downloads: &[remote(
        "california_housing.npz",
        743_530,
        "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
        &[
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            "http://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        ],
    )],
    licence: "none stated; R. K. Pace, R. Barry, 1997, from the census of 1990, by StatLib",
    homepage: "https://www.dcc.fc.up.pt/~ltorgo/Regression/cal_housing.html",
    folder: "california_housing",
    system: &[],
    form: Form::Table { first_rows: None },
    embedded: None,
};

/// The first 600 rows of it.
pub(super) const CALIFORNIA_HOUSING_SMALL: Known = Known {
    name: "california_housing_small",
    about: "the first 600 rows of california_housing: 480 + 120 (Keras's version \"small\")",
    rows: [480, 120],
    form: Form::Table { first_rows: Some(600) },
    ..CALIFORNIA_HOUSING
};
