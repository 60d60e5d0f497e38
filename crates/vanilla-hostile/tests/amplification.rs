//! The files that take the most memory for their size, as far as we know how to make them: each stays within what its
//! format is allowed, and comes near enough to it that the allowance means something.

use vanilla_formats::{Array, Data, hdf5};
use vanilla_hostile::containers::{Member, chunk, pack, unpack};
use vanilla_hostile::seeds::{self, deflated, zipped};
use vanilla_hostile::watch::guard;
use vanilla_hostile::{check, format};

/// Runs the format's reader on the file, prints bytes of memory for a byte of it, and gives their share of what is
/// allowed.
fn share(name: &str, what: &str, bytes: &[u8]) -> f64 {
    let format = format(name).unwrap();
    let _guard = guard(|| format!("{name}, {what}"), bytes.len());
    let said = (format.read)(bytes).err().unwrap_or_else(|| "accepted".into());
    let taken = check(format, bytes).unwrap_or_else(|problem| panic!("{name}, {what}: {problem}"));
    let share = taken.peak as f64 / format.allowed(bytes) as f64;
    println!(
        "{name}, {what}: {} bytes take {} ({:.1} each, {:.0} %): {said:.90}",
        bytes.len(),
        taken.peak,
        taken.peak as f64 / bytes.len() as f64,
        100.0 * share
    );
    share
}

fn npy(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
}

fn member(name: &str, content: Vec<u8>) -> Member {
    Member { name: name.into(), content, deflated: true }
}

#[test]
fn arrays() {
    let side = 1 << 10;
    let zeros = vec![0; side * side];
    share("npy", "bytes become 64-bit integers", &npy("|i1", false, "(1048576,)", &zeros));
    let turned = npy("|i1", true, "(1024, 1024)", &zeros);
    assert!(share("npy", "and are turned", &turned) > 0.7);
    let idx = [&[0, 0, 9, 1, 0, 16, 0, 0][..], &zeros].concat();
    share("idx", "bytes become 64-bit integers", &idx);
    assert!(share("idx", "out of gzip", &zipped(&idx)) > 0.5);
    share(
        "idx",
        "a bomb behind a small header",
        &zipped(&[&[0, 0, 8, 1, 0, 0, 0, 4][..], &vec![0; 32 << 20]].concat()),
    );
    share("gzip", "zeros beyond the limit", &zipped(&vec![0; 32 << 20]));
    assert!(share("npz", "turned, out of deflate", &pack(&[member("x.npy", turned)])) > 0.5);
    share(
        "npz",
        "1024 members of nothing",
        &pack(&(0..1024).map(|i| member(&format!("{i}.npy"), npy("|u1", false, "(0,)", &[]))).collect::<Vec<_>>()),
    );
}

#[test]
fn pictures() {
    // One bit a pixel with a transparent palette: four bytes of colour for each, and the gray besides.
    let (width, height) = (8192u32, 4096u32);
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[1, 3, 0, 0, 0]].concat();
    let rows = vec![0; (width as usize / 8 + 1) * height as usize];
    let parts = [
        chunk(b"IHDR", &head),
        chunk(b"PLTE", &[255, 0, 0, 0, 0, 255]),
        chunk(b"tRNS", &[255, 0]),
        chunk(b"IDAT", &deflated(&rows)),
        chunk(b"IEND", b""),
    ];
    let file = [b"\x89PNG\r\n\x1a\n".to_vec(), parts.concat()].concat();
    assert!(share("png", "bits become colours", &file) > 0.5);
    let text = chunk(b"zTXt", &[b"name\0\0", &deflated(&vec![b'x'; 64 << 20])[..]].concat());
    share("png", "a bomb as text", &[&b"\x89PNG\r\n\x1a\n"[..], &parts[0], &text, &parts[3], &parts[4]].concat());
}

#[test]
fn names_and_texts() {
    let file = |header: &str| [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
    let tensors: Vec<String> =
        (0..10_000).map(|i| format!(r#""{i:x}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#)).collect();
    share("safetensors", "10000 empty tensors", &file(&format!("{{{}}}", tensors.join(","))));
    let texts: Vec<String> = (0..10_000).map(|i| format!(r#""{i:x}":"""#)).collect();
    share("safetensors", "10000 empty texts", &file(&format!(r#"{{"__metadata__":{{{}}}}}"#, texts.join(","))));
    share(
        "safetensors",
        "100 axes",
        &file(&format!(r#"{{"a":{{"dtype":"U8","shape":[{}1],"data_offsets":[0,1]}}}}"#, "1,".repeat(1 << 20))),
    );
}

#[test]
fn tables() {
    let digits = "1\n".repeat(1 << 20);
    share("csv", "digits", format!("a,b\n{}", "1,1\n".repeat(1 << 18)).as_bytes());
    share(
        "csv",
        "digits, and one large number",
        format!("a,b\n{}3000000000,1\n", "1,1\n".repeat(1 << 18)).as_bytes(),
    );
    share("csv", "one column", digits.as_bytes());
    let names: Vec<String> = (0..99_000).map(|i| format!("{i:x}")).collect();
    share("csv", "99000 columns", format!("{}\n{}1\n", names.join(","), "1,".repeat(98_999)).as_bytes());
    share("csv", "one row of 100000 missing values", ",".repeat(99_999).as_bytes());
    share("csv", "one row of 100000 numbers", format!("{}1", "1,".repeat(99_999)).as_bytes());
    share("csv", "one row of 100000 numbers that vanish", format!("{}1", "1e-99,".repeat(99_999)).as_bytes());
    let texts: String = (0..200_000).map(|i| format!("{i:x}x,\n")).collect();
    share("csv", "200000 texts", format!("a,b\n{texts}").as_bytes());
    share("csv", "missing values", format!("a,b\n1,1\n{}", ",\n".repeat(1 << 19)).as_bytes());
    share("csv", "a field of 32 MiB", format!("a,b\n1,\"{}\n", "x".repeat(32 << 20)).as_bytes());
    share("tar", "zeros in gzip", &zipped(&vec![0; 32 << 20]));
}

#[test]
fn trees() {
    let group = |children| hdf5::Group { attrs: vec![], children };
    let leaf = |i: usize| (format!("{i:x}"), hdf5::Node::Dataset(Array::new(vec![0], Data::U8(vec![])).unwrap()));
    let many = group(vec![("g".to_owned(), hdf5::Node::Group(group((0..5000).map(leaf).collect())))]);
    share("hdf5", "5000 empty datasets", &hdf5::write(&many).unwrap());
    let texts = vec!["x".to_owned(); 3700];
    let attrs = (0..8).map(|i| (i.to_string(), hdf5::Attr::StrList(texts.clone()))).collect();
    share("hdf5", "30000 short texts", &hdf5::write(&hdf5::Group { attrs, children: vec![] }).unwrap());
    let mut deep = group(vec![]);
    for _ in 0..15 {
        deep = group(vec![("g".to_owned(), hdf5::Node::Group(deep))]);
    }
    share("hdf5", "groups in each other", &hdf5::write(&deep).unwrap());
}

/// A `.keras` file with this description, deflated.
fn described(text: String) -> Vec<u8> {
    let mut members = unpack(&seeds::keras()[1]).unwrap();
    let config = members.iter_mut().find(|member| member.name == b"config.json").unwrap();
    (config.content, config.deflated) = (text.into_bytes(), true);
    pack(&members)
}

#[test]
fn descriptions() {
    let list = |count: usize, item: &str| format!("[{}{item}]", format!("{item},").repeat(count));
    for (what, item) in [("numbers", "0"), ("lists", "[]"), ("objects", "{}"), ("objects of one key", "{\"\":0}")]
    {
        share("json_config", what, list(100_000, item).as_bytes());
    }
    let layers = list(100_000, r#"{"class_name":"ReLU"}"#);
    share(
        "json_config",
        "100001 layers",
        format!(r#"{{"class_name":"Sequential","config":{{"layers":{layers}}}}}"#).as_bytes(),
    );
    let layers = list(99_990, r#"{"class_name":"ReLU"}"#);
    share(
        "json_config",
        "99991 layers",
        format!(r#"{{"class_name":"Sequential","config":{{"layers":{layers}}}}}"#).as_bytes(),
    );
    for (what, item) in [("numbers", "0"), ("lists", "[]")] {
        share("keras_model", what, &described(list(16 << 20, item)));
    }
    share("keras_model", "spaces", &described(" ".repeat(60 << 20)));
    share("keras_zip", "spaces", &described(" ".repeat(60 << 20)));
    let mut members = unpack(&seeds::keras()[1]).unwrap();
    members[2].content = vec![0; 64 << 20];
    members[2].deflated = true;
    share("keras_zip", "zeros as weights", &pack(&members));
    share("keras_model", "zeros as weights", &pack(&members));
}
