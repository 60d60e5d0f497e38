//! Downloads from servers on loopback: good ones, and every kind of bad one.

use super::super::sets::MNIST;
use super::*;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request: its path, and where the range begins that it asks for.
#[derive(Clone, Debug, PartialEq)]
struct Request {
    path: String,
    from: Option<usize>,
}

/// A server that answers each request by a function, which gets its number; it ends with the process.
struct Server {
    url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    fn new(answer: impl Fn(usize, &Request, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/file.bin", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (answer, log) = (Arc::new(answer), seen.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, log) = (answer.clone(), log.clone());
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let Some(request) = head(&mut stream) else { return };
                    let number = {
                        let mut log = log.lock().unwrap();
                        log.push(request.clone());
                        log.len() - 1
                    };
                    // Who has enough closes the connection.
                    let _ = answer(number, &request, &mut stream);
                });
            }
        });
        Self { url, seen }
    }

    fn seen(&self) -> Vec<Option<usize>> {
        self.seen.lock().unwrap().iter().map(|request| request.from).collect()
    }
}

fn head(stream: &mut TcpStream) -> Option<Request> {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        text.push(byte[0]);
    }
    let text = String::from_utf8(text).unwrap();
    assert!(text.to_lowercase().contains("\r\naccept-encoding: identity\r\n"), "{text}");
    let path = text.split(' ').nth(1)?.to_owned();
    let range = text.lines().find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
    let from = range.map(|range| range.strip_suffix('-').unwrap().parse().unwrap());
    Some(Request { path, from })
}

fn answer(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) -> io::Result<()> {
    stream.write_all(format!("HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n").as_bytes())?;
    stream.write_all(body)
}

/// The file, whole.
fn whole(stream: &mut TcpStream, body: &[u8]) -> io::Result<()> {
    answer(stream, "200 OK", &format!("Content-Length: {}\r\n", body.len()), body)
}

/// What was asked for, of which only the first `most` bytes are sent.
fn ranged(request: &Request, stream: &mut TcpStream, body: &[u8], most: usize) -> io::Result<()> {
    let from = request.from.unwrap_or(0);
    let part = &body[from..];
    let headers = format!("Content-Length: {}\r\n", part.len());
    let (status, headers) = match request.from {
        None => ("200 OK", headers),
        Some(from) => {
            let range = format!("Content-Range: bytes {from}-{}/{}\r\n", body.len() - 1, body.len());
            ("206 Partial Content", headers + &range)
        }
    };
    answer(stream, status, &headers, &part[..most.min(part.len())])
}

/// A file of this size whose bytes look like noise.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 7u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

const SIZE: usize = 300_000;

fn remote() -> (Vec<u8>, Remote) {
    let bytes = noise(SIZE);
    let sha256 = hex(&Sha256::digest(&bytes)).leak();
    (bytes, Remote { name: "file.bin", bytes: SIZE as u64, sha256, mirrors: &[] })
}

fn quick() -> Downloader {
    Downloader::new().timeout(Duration::from_secs(5)).pause(Duration::from_millis(1)).proxies(false)
}

/// Downloads into a folder, and says what happened: events as text, and the error.
fn fetch(downloader: &Downloader, urls: &[&Server], folder: &Path) -> (Vec<String>, Option<String>) {
    let (bytes, remote) = remote();
    let urls: Vec<String> = urls.iter().map(|server| server.url.clone()).collect();
    let (mut told, mut last) = (Vec::new(), 0);
    let result = downloader.fetch(&remote, &urls, folder, &mut |event| {
        told.push(match event {
            Event::Waiting(_) => "waiting".to_owned(),
            Event::There(_) => "there".to_owned(),
            Event::Begin { done, .. } => format!("begin {done}"),
            Event::Bytes { done: 0, .. } => "again".to_owned(),
            Event::Bytes { done, total } => {
                assert!(done <= total && total == SIZE as u64);
                last = done;
                return;
            }
            Event::Failed { problem, .. } => format!("failed: {problem}"),
            Event::Done(_) => format!("done {last}"),
        });
    });
    let target = folder.join("file.bin");
    match result {
        Ok(path) => {
            assert_eq!((&path, std::fs::read(&path).unwrap() == bytes), (&target, true));
            assert!(!folder.join("file.bin.part").exists());
            (told, None)
        }
        Err(error) => {
            assert!(!error.is_bad_input() && !target.exists());
            let text = error.to_string().replace(&folder.display().to_string(), "FOLDER");
            let text = urls.iter().enumerate().fold(text, |text, (i, url)| text.replace(url, &format!("URL{i}")));
            (told, Some(text))
        }
    }
}

/// The error of a download from one server, and what is left in the `.part`.
fn refused(server: &Server) -> (String, Option<u64>) {
    let folder = tempfile::tempdir().unwrap();
    let (_, error) = fetch(&quick(), &[server], folder.path());
    let part = std::fs::metadata(folder.path().join("file.bin.part")).ok().map(|part| part.len());
    (error.expect("it is refused"), part)
}

fn message(problem: &str) -> String {
    format!(
        "FOLDER/file.bin: could not be downloaded: URL0: {problem}; look at the network (and HTTPS_PROXY), or put the \
         file there yourself"
    )
}

#[test]
fn a_good_server() {
    let (bytes, _) = remote();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(move |_, _, stream| whole(stream, &bytes));
    let deep = folder.path().join("made/on/the/way");
    let (told, error) = fetch(&quick(), &[&server], &deep);
    assert_eq!((told, error), (vec!["begin 0".into(), format!("done {SIZE}")], None));
    // It is not asked again for what is there.
    assert_eq!(fetch(&quick(), &[&server], &deep), (vec!["there".into()], None));
    assert_eq!(server.seen(), [None]);
    // What is there and wrong is replaced.
    std::fs::write(deep.join("file.bin"), noise(SIZE - 1)).unwrap();
    assert_eq!(fetch(&quick(), &[&server], &deep).1, None);
    let mut other = noise(SIZE);
    other[9] ^= 1;
    std::fs::write(deep.join("file.bin"), other).unwrap();
    assert_eq!(fetch(&quick(), &[&server], &deep).1, None);
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn answers_without_a_length() {
    for chunked in [false, true] {
        let (bytes, _) = remote();
        let folder = tempfile::tempdir().unwrap();
        let server = Server::new(move |_, _, stream| {
            if !chunked {
                return answer(stream, "200 OK", "", &bytes);
            }
            answer(stream, "200 OK", "Transfer-Encoding: chunked\r\n", b"")?;
            for chunk in bytes.chunks(10_001) {
                stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes())?;
                stream.write_all(chunk)?;
                stream.write_all(b"\r\n")?;
            }
            stream.write_all(b"0\r\n\r\n")
        });
        assert_eq!(fetch(&quick(), &[&server], folder.path()).1, None);
    }
}

#[test]
fn it_goes_on_where_a_server_broke_off() {
    let (bytes, _) = remote();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(move |_, request, stream| ranged(request, stream, &bytes, 70_000));
    let (told, error) = fetch(&quick(), &[&server], folder.path());
    assert_eq!(error, None);
    let seen: Vec<Option<usize>> = server.seen();
    assert_eq!((seen[0], seen.len()), (None, 5));
    assert!(seen[1..].windows(2).all(|pair| pair[0] < pair[1]) && seen[1].is_some_and(|from| from <= 70_000));
    assert!(told.iter().any(|line| line.starts_with("failed: ") && line.contains(" of 300000 bytes")), "{told:?}");
}

#[test]
fn a_server_that_ignores_the_range_sends_all_again() {
    let (bytes, _) = remote();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(move |number, _, stream| match number {
        0 => answer(stream, "200 OK", &format!("Content-Length: {SIZE}\r\n"), &bytes[..100_000]),
        _ => whole(stream, &bytes),
    });
    let (told, error) = fetch(&quick(), &[&server], folder.path());
    assert_eq!(error, None);
    assert!(told.contains(&"again".to_owned()) && told.last() == Some(&format!("done {SIZE}")), "{told:?}");
    // One that always breaks off at the same place is given up.
    let (bytes, _) = remote();
    let server = Server::new(move |_, _, stream| {
        answer(stream, "200 OK", &format!("Content-Length: {SIZE}\r\n"), &bytes[..100_000])
    });
    let (error, part) = refused(&server);
    assert!(error.contains(" bytes") && part.is_some_and(|part| part <= 100_000), "{error} {part:?}");
    assert!(server.seen().len() <= 4);
}

#[test]
fn a_server_that_lies_about_lengths() {
    for (length, want) in [
        (format!("{}", SIZE - 1), "announces 299999 bytes, expected 300000"),
        (format!("{}", SIZE * 2), "announces 600000 bytes, expected 300000"),
    ] {
        let server = Server::new(move |_, _, stream| {
            answer(stream, "200 OK", &format!("Content-Length: {length}\r\n"), &noise(SIZE))
        });
        assert_eq!(refused(&server), (message(want), None));
        assert_eq!(server.seen().len(), 1);
    }
    // An honest length, and less after it; no length, and less; a range that is another.
    let server = Server::new(move |_, _, stream| answer(stream, "200 OK", "", &noise(SIZE)[..5000]));
    assert_eq!(refused(&server), (message("ends after 5000 of 300000 bytes"), Some(5000)));
    for range in ["bytes 0-299999/300000", "bytes 5000-299999/300001", "bytes 5000-5999/300000", "\u{1}x"] {
        let server = Server::new(move |number, _, stream| match number {
            0 => answer(stream, "200 OK", "", &noise(SIZE)[..5000]),
            _ => {
                answer(stream, "206 Partial Content", &format!("Content-Range: {range}\r\n"), &noise(SIZE)[5000..])
            }
        });
        let (error, _) = refused(&server);
        // What is no header at all, the client refuses before us.
        let want = "announces the range bytes";
        assert!(error.contains(want) || range.starts_with('\u{1}'), "{error}");
    }
    let server = Server::new(move |number, _, stream| match number {
        0 => answer(stream, "200 OK", "", &noise(SIZE)[..5000]),
        _ => answer(stream, "206 Partial Content", "Content-Range: bytes 5000-299999/*\r\n", &noise(SIZE)[5000..]),
    });
    assert_eq!(fetch(&quick(), &[&server], tempfile::tempdir().unwrap().path()).1, None);
    let server = Server::new(move |_, _, stream| answer(stream, "206 Partial Content", "", &noise(SIZE)));
    assert_eq!(refused(&server), (message("answers 206 Partial Content"), None));
    let server = Server::new(move |number, request, stream| match number {
        0 => answer(stream, "200 OK", "", &noise(SIZE)[..5000]),
        1 => answer(stream, "416 Range Not Satisfiable", "", b""),
        _ => ranged(request, stream, &noise(SIZE), SIZE),
    });
    let folder = tempfile::tempdir().unwrap();
    let (told, error) = fetch(&quick(), &[&server], folder.path());
    assert_eq!(error, None);
    assert!(told.contains(&"failed: refuses the range that is missing".to_owned()), "{told:?}");
}

#[test]
fn an_endless_body_stops_at_the_size() {
    let server = Server::new(|_, _, stream| {
        answer(stream, "200 OK", "", b"")?;
        loop {
            stream.write_all(&[0; 10_000])?;
        }
    });
    let (error, part) = refused(&server);
    assert!(error.contains("URL0: the bytes have SHA-256 ") && part.is_none(), "{error}");
    assert_eq!(server.seen().len(), 1);
    // Where the right bytes come first, what follows them is nobody's concern.
    let (bytes, _) = remote();
    let server = Server::new(move |_, _, stream| {
        answer(stream, "200 OK", "", &bytes)?;
        loop {
            stream.write_all(&[0; 10_000])?;
        }
    });
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(fetch(&quick(), &[&server], folder.path()).1, None);
    // Neither is a head without end.
    let server = Server::new(|_, _, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all(b"X-More: and more and more and more\r\n")?;
        }
    });
    assert!(refused(&server).0.contains("header"), "{}", refused(&server).0);
}

#[test]
fn wrong_bytes_are_refused_and_nothing_of_them_stays() {
    let (bytes, right) = remote();
    let mut wrong = bytes.clone();
    wrong[SIZE / 2] ^= 1;
    let found = hex(&Sha256::digest(&wrong));
    let bad = Server::new(move |_, _, stream| whole(stream, &wrong));
    let want = format!("the bytes have SHA-256 {found}, expected {}", right.sha256);
    assert_eq!(refused(&bad), (message(&want), None));
    assert_eq!(bad.seen().len(), 1);
    // The next mirror is asked.
    let good = Server::new(move |_, _, stream| whole(stream, &bytes));
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(fetch(&quick(), &[&bad, &good], folder.path()).1, None);
    // A left-over of wrong bytes is not the mirror's fault: it is asked for all.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file.bin.part"), [7; 1000]).unwrap();
    let (bytes, _) = remote();
    let ranges = Server::new(move |_, request, stream| ranged(request, stream, &bytes, SIZE));
    let (told, error) = fetch(&quick(), &[&ranges], folder.path());
    assert_eq!((error, ranges.seen()), (None, vec![Some(1000), None]));
    assert_eq!((&*told[0], &*told[2]), ("begin 1000", "begin 0"));
    // So is one that is too long, or as long as the file.
    for length in [SIZE, SIZE + 1] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file.bin.part"), vec![7; length]).unwrap();
        assert_eq!(fetch(&quick(), &[&ranges], folder.path()).1, None);
    }
}

#[test]
fn errors_of_servers() {
    for (status, tries, want) in [
        ("404 Not Found", 1, "answers 404 Not Found"),
        ("403 Forbidden", 1, "answers 403 Forbidden"),
        ("204 No Content", 1, "answers 204 No Content"),
        ("500 Internal Server Error", 3, "answers 500 Internal Server Error"),
        ("429 Too Many Requests", 3, "answers 429 Too Many Requests"),
    ] {
        let server = Server::new(move |_, _, stream| answer(stream, status, "", b""));
        assert_eq!(refused(&server), (message(want), None));
        assert_eq!(server.seen().len(), tries, "{status}");
    }
    // It goes round in circles; it ends after five.
    let server = Server::new(|number, _, stream| {
        answer(stream, "302 Found", &format!("Location: /{number}\r\nContent-Length: 0\r\n"), b"")
    });
    assert_eq!(refused(&server), (message("more than 5 redirections"), None));
    assert_eq!(server.seen().len(), 3 * 6);
    // One redirection is followed, with the range.
    let (bytes, _) = remote();
    let server = Server::new(move |_, request, stream| {
        if request.path == "/file.bin" {
            return answer(stream, "302 Found", "Location: /other.bin\r\nContent-Length: 0\r\n", b"");
        }
        ranged(request, stream, &bytes, SIZE / 2)
    });
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(fetch(&quick(), &[&server], folder.path()).1, None);
    // What is no HTTP.
    let server = Server::new(|_, _, stream| stream.write_all(b"220 ready \x1b[31m\r\n\r\n"));
    let (error, _) = refused(&server);
    assert!(
        !error.contains('\x1b') && error.starts_with("FOLDER/file.bin: could not be downloaded: URL0: "),
        "{error}"
    );
    // Nobody there.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = Server { url: format!("http://{gone}/file.bin"), seen: Arc::default() };
    assert!(refused(&gone).0.contains("Connection refused"), "{}", refused(&gone).0);
    // A first mirror that is dead, and a second one that is not.
    let (bytes, _) = remote();
    let good = Server::new(move |_, _, stream| whole(stream, &bytes));
    let folder = tempfile::tempdir().unwrap();
    let (told, error) = fetch(&quick(), &[&gone, &good], folder.path());
    assert_eq!(error, None);
    assert!(told[1].starts_with("failed: ") && told[2] == "begin 0", "{told:?}");
}

#[test]
fn who_is_silent_or_slow_is_given_up() {
    let quick = quick().timeout(Duration::from_millis(150)).tries(1);
    let folder = tempfile::tempdir().unwrap();
    let silent = Server::new(|_, _, stream| {
        std::thread::sleep(Duration::from_secs(20));
        stream.write_all(b"late")
    });
    let (_, error) = fetch(&quick, &[&silent], folder.path());
    assert_eq!(error.unwrap(), message("silent for 0.15 s"));
    let stops = Server::new(|_, _, stream| {
        answer(stream, "200 OK", &format!("Content-Length: {SIZE}\r\n"), &noise(1000))?;
        std::thread::sleep(Duration::from_secs(20));
        Ok(())
    });
    let (_, error) = fetch(&quick, &[&stops], folder.path());
    assert!(error.unwrap().contains("silent for 0.15 s, after 1000 of 300000 bytes"));
    let folder = tempfile::tempdir().unwrap();
    let drips = Server::new(|_, _, stream| {
        answer(stream, "200 OK", &format!("Content-Length: {SIZE}\r\n"), b"")?;
        loop {
            stream.write_all(b"x")?;
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let (_, error) = fetch(&quick, &[&drips], folder.path());
    let error = error.unwrap();
    assert!(error.contains(" bytes in 0.3 s, which is too slow"), "{error}");
}

/// What a child process of these tests does: a download, as its environment says.
#[test]
fn child() {
    let Some(url) = std::env::var("VANILLA_TEST_URL").ok() else { return };
    let folder = PathBuf::from(std::env::var_os("VANILLA_TEST_FOLDER").unwrap());
    let server = Server { url, seen: Arc::default() };
    let (told, error) = fetch(&quick(), &[&server], &folder);
    println!("told {told:?} error {error:?}");
}

fn child_process(server: &Server, folder: &Path) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "datasets::download::tests::child", "--nocapture"]);
    command.env("VANILLA_TEST_URL", &server.url).env("VANILLA_TEST_FOLDER", folder);
    command.stdout(std::process::Stdio::piped());
    command
}

#[test]
fn a_killed_process_is_gone_on_from() {
    let (bytes, _) = remote();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(move |number, request, stream| {
        if number > 0 {
            return ranged(request, stream, &bytes, SIZE);
        }
        ranged(request, stream, &bytes, 200_000)?;
        std::thread::sleep(Duration::from_secs(60));
        Ok(())
    });
    let mut child = child_process(&server, folder.path()).spawn().unwrap();
    let part = folder.path().join("file.bin.part");
    let begun = Instant::now();
    while std::fs::metadata(&part).map_or(0, |part| part.len()) < 200_000 {
        assert!(begun.elapsed() < Duration::from_secs(60), "the child downloads nothing");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!folder.path().join("file.bin").exists());
    let (told, error) = fetch(&quick(), &[&server], folder.path());
    assert_eq!((error, &*told[0]), (None, "begin 200000"));
    assert_eq!(server.seen(), [None, Some(200_000)]);
}

#[test]
fn two_processes_at_once_download_once() {
    let (bytes, _) = remote();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(move |_, request, stream| {
        std::thread::sleep(Duration::from_millis(300));
        ranged(request, stream, &bytes, SIZE)
    });
    let children: Vec<_> = (0..2).map(|_| child_process(&server, folder.path()).spawn().unwrap()).collect();
    let mut told: Vec<String> = children
        .into_iter()
        .map(|child| String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap())
        .collect();
    told.sort_by_key(|text| text.contains("there"));
    assert!(told[0].contains("\"done 300000\"] error None"), "{}", told[0]);
    assert!(told[1].contains("\"there\"] error None"), "{}", told[1]);
    assert_eq!(server.seen(), [None]);
}

#[cfg(unix)]
#[test]
fn disks_that_cannot_be_written() {
    let (bytes, _) = remote();
    let server = Server::new(move |_, request, stream| ranged(request, stream, &bytes, SIZE));
    let root = tempfile::tempdir().unwrap();
    let fails = |folder: &Path| {
        let (_, remote) = remote();
        let error = quick().fetch(&remote, std::slice::from_ref(&server.url), folder, &mut |_| ()).unwrap_err();
        (error.to_string().replace(&root.path().display().to_string(), "ROOT"), error.is_bad_input())
    };
    // A file where the folder should be.
    std::fs::write(root.path().join("file"), b"").unwrap();
    let (error, bad_input) = fails(&root.path().join("file"));
    assert_eq!(
        (&*error, bad_input),
        ("ROOT/file: cannot be written (not a directory): what was there before is unchanged", true)
    );
    // A full disk.
    if cfg!(target_os = "linux") {
        std::fs::create_dir(root.path().join("full")).unwrap();
        std::os::unix::fs::symlink("/dev/full", root.path().join("full/file.bin.part")).unwrap();
        let (error, bad_input) = fails(&root.path().join("full"));
        let want = "ROOT/full/file.bin.part: cannot be written (No space left on device (os error 28)): what was there \
                    before is unchanged; make room and save again";
        assert_eq!((&*error, bad_input), (want, false));
    }
    // A limit on files: what arrived is kept, and gone on with when there is room.
    let limited = root.path().join("limited");
    let child = child_process(&server, &limited);
    let mut shell = std::process::Command::new("sh");
    shell.arg("-c").arg("trap '' XFSZ; ulimit -f 200; exec \"$0\" \"$@\"").arg(child.get_program());
    shell.args(child.get_args()).envs(child.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let output = shell.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("file.bin.part: cannot be written (File too large (os error 27))"), "{text}");
    let kept = std::fs::metadata(limited.join("file.bin.part")).unwrap().len();
    assert!(kept > 0 && kept < SIZE as u64 && !limited.join("file.bin").exists());
    let (told, error) = fetch(&quick(), &[&server], &limited);
    assert_eq!((error, &told[0]), (None, &format!("begin {kept}")));
}

#[test]
fn a_set_is_downloaded_file_by_file() {
    let root = tempfile::tempdir().unwrap();
    let server = Server::new(|_, request, stream| match &*request.path {
        "/mirror/mnist/a.bin" => whole(stream, b"first"),
        "/mirror/mnist/b.bin" => whole(stream, b"second"),
        _ => answer(stream, "404 Not Found", "", b""),
    });
    let file = |name: &'static str, bytes: &[u8]| {
        let sha256 = hex(&Sha256::digest(bytes)).leak();
        Remote { name, bytes: bytes.len() as u64, sha256, mirrors: &["http://127.0.0.1:1/"] }
    };
    let mirror = server.url.replace("/file.bin", "/mirror/");
    let downloader = quick().mirror(mirror).folder(root.path());
    let set = |files: Vec<Remote>| Known { downloads: files.leak(), ..MNIST };
    let good = set(vec![file("a.bin", b"first"), file("b.bin", b"second")]);
    assert_eq!(downloader.download(&good, &mut |_| ()).unwrap(), root.path());
    assert_eq!(std::fs::read(root.path().join("b.bin")).unwrap(), b"second");
    let missing = set(vec![file("a.bin", b"first"), file("c.bin", b"third")]);
    let error = downloader.download(&missing, &mut |_| ()).unwrap_err().to_string();
    assert!(error.contains("/mirror/mnist/c.bin: answers 404 Not Found; look at the network"), "{error}");
    let error = download("minst", &mut |_| ()).unwrap_err().to_string();
    assert!(error.starts_with("unknown data set 'minst'; did you mean 'mnist'?"), "{error}");
}

#[test]
fn addresses_that_need_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (_, remote) = remote();
    let urls = ["https://127.0.0.1:1/file.bin".to_owned()];
    let error = quick().fetch(&remote, &urls, folder.path(), &mut |_| ()).unwrap_err().to_string();
    let want = "needs TLS, which this program was built without (its feature `tls`)";
    assert_eq!(error.contains(want), !cfg!(feature = "tls"), "{error}");
    // Somebody listens there; what he would say is not waited for.
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let location = format!("Location: https://{}/file.bin\r\nContent-Length: 0\r\n", other.local_addr().unwrap());
    if cfg!(feature = "tls") {
        return;
    }
    let server = Server::new(move |_, _, stream| answer(stream, "302 Found", &location, b""));
    let (error, _) = refused(&server);
    let want = "redirects to TLS, which this program was built without (its feature `tls`)";
    assert!(error.contains(want), "{error}");
}
