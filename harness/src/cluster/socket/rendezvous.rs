//! The file through which the ranks of a job find rank 0, and the handshake.

use super::wire::{Frame, receive, send};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Between two looks for the file, or for a rank that knocks.
const PAUSE: Duration = Duration::from_millis(10);
/// For one connection, and for one answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Where rank 0 listens. Readable by its owner only: whoever knows the secret is one of the ranks.
#[derive(Debug, Serialize, Deserialize)]
struct Meeting {
    host: String,
    addresses: Vec<IpAddr>,
    port: u16,
    secret: String,
}

/// What a rank says when it knocks.
#[derive(Debug, Serialize, Deserialize)]
struct Hello {
    secret: String,
    rank: usize,
    version: String,
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The file of a job in `folder`.
pub(super) fn path(folder: &Path, job: &str) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '.' { c } else { '_' };
    folder.join(format!(".ergometer-rendezvous-{}", job.chars().map(plain).collect::<String>()))
}

/// Rank 0: waits until the other `size - 1` ranks have come; their streams, from rank 1.
pub(super) fn host(path: &Path, size: usize, deadline: Instant) -> Result<Vec<TcpStream>, String> {
    let listener = TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0"));
    let listener = listener.map_err(|error| format!("no port could be opened: {error}"))?;
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    let secret = secret().map_err(|error| format!("/dev/urandom could not be read: {error}"))?;
    let meeting = Meeting { host: hostname(), addresses: addresses(), port, secret };
    publish(path, &meeting).map_err(|error| format!("{} could not be written: {error}", path.display()))?;
    let streams = admit(&listener, &meeting.secret, size, deadline);
    // Whoever comes later finds nothing, rather than a port that is somebody else's by then.
    let _ = fs::remove_file(path);
    streams
}

fn admit(listener: &TcpListener, secret: &str, size: usize, deadline: Instant) -> Result<Vec<TcpStream>, String> {
    listener.set_nonblocking(true).map_err(|error| error.to_string())?;
    let mut streams: Vec<Option<TcpStream>> = (1..size).map(|_| None).collect();
    while streams.iter().any(Option::is_none) {
        match listener.accept() {
            // A stranger, or a rank of another job: the door is closed again.
            Ok((stream, _)) => {
                if let Ok((rank, stream)) = welcome(stream, secret)
                    && let Some(place @ None) = rank.checked_sub(1).and_then(|at| streams.get_mut(at))
                {
                    *place = Some(stream);
                }
            }
            Err(_) if Instant::now() < deadline => std::thread::sleep(PAUSE),
            Err(_) => {
                let missing =
                    streams.iter().enumerate().filter(|(_, s)| s.is_none()).map(|(at, _)| (at + 1).to_string());
                return Err(format!("rank(s) {} did not come", missing.collect::<Vec<_>>().join(", ")));
            }
        }
    }
    Ok(streams.into_iter().flatten().collect())
}

fn welcome(mut stream: TcpStream, secret: &str) -> io::Result<(usize, TcpStream)> {
    let refused = |why| io::Error::new(io::ErrorKind::PermissionDenied, why);
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER))?;
    let Frame::Data(bytes) = receive(&mut stream)? else { return Err(refused("no greeting")) };
    let hello: Hello = serde_json::from_slice(&bytes)?;
    if hello.secret != secret {
        return Err(refused("another job"));
    }
    if hello.version != VERSION {
        send(&mut stream, &Frame::Leave(format!("rank 0 is ergometer {VERSION}").into_bytes()))?;
        return Err(refused("another version"));
    }
    send(&mut stream, &Frame::Data(Vec::new()))?;
    stream.set_read_timeout(None)?;
    Ok((hello.rank, stream))
}

/// Another rank: looks for rank 0 until the deadline.
pub(super) fn guest(path: &Path, rank: usize, deadline: Instant) -> Result<TcpStream, String> {
    let mut problem = format!("{} did not appear", path.display());
    while Instant::now() < deadline {
        match read(path) {
            Ok(Some(meeting)) => match knock(&meeting, rank) {
                Ok(stream) => return Ok(stream),
                Err(error) => problem = format!("rank 0 on {} did not answer: {error}", meeting.host),
            },
            Ok(None) => {}
            Err(error) => problem = format!("{} can't be used: {error}", path.display()),
        }
        std::thread::sleep(PAUSE);
    }
    Err(problem)
}

fn knock(meeting: &Meeting, rank: usize) -> io::Result<TcpStream> {
    let mut places: Vec<SocketAddr> = Vec::new();
    if meeting.host == hostname() {
        places.push((IpAddr::from([127, 0, 0, 1]), meeting.port).into());
    }
    places.extend(meeting.addresses.iter().map(|address| SocketAddr::from((*address, meeting.port))));
    places.extend((meeting.host.as_str(), meeting.port).to_socket_addrs().into_iter().flatten());
    let mut last = io::Error::new(io::ErrorKind::AddrNotAvailable, "it has no address");
    for place in places {
        match greet(place, meeting, rank) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn greet(place: SocketAddr, meeting: &Meeting, rank: usize) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&place, ANSWER)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER))?;
    let hello = Hello { secret: meeting.secret.clone(), rank, version: VERSION.into() };
    send(&mut stream, &Frame::Data(serde_json::to_vec(&hello)?))?;
    match receive(&mut stream)? {
        Frame::Data(_) => {}
        Frame::Leave(why) => return Err(io::Error::other(String::from_utf8_lossy(&why).into_owned())),
    }
    stream.set_read_timeout(None)?;
    Ok(stream)
}

/// Written beside and renamed, so that nobody reads a part; what a killed job left under the name goes.
fn publish(path: &Path, meeting: &Meeting) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // Readable by the owner only, as tempfile makes them.
    let mut file = tempfile::Builder::new().prefix(".ergometer-").tempfile_in(folder)?;
    file.write_all(&serde_json::to_vec(meeting)?)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// The meeting; `None` when there is none yet. A file of another user is not believed: temporary folders are everybody's.
fn read(path: &Path) -> io::Result<Option<Meeting>> {
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if file.metadata()?.uid() != fs::metadata("/proc/self")?.uid() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user"));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Some(serde_json::from_slice(&bytes)?))
}

fn secret() -> io::Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn hostname() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").map_or_else(|_| "localhost".into(), |name| name.trim().to_owned())
}

/// The addresses of this machine that others may reach.
fn addresses() -> Vec<IpAddr> {
    let text = |path| fs::read_to_string(path).unwrap_or_default();
    let mut found = local_v4(&text("/proc/net/fib_trie"));
    found.extend(global_v6(&text("/proc/net/if_inet6")));
    found
}

/// `/proc/net/fib_trie` (net/ipv4/fib_trie.c): a leaf `|-- ADDRESS`, then `/32 host LOCAL` where it is our own.
fn local_v4(text: &str) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = Vec::new();
    let mut leaf: Option<IpAddr> = None;
    for line in text.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse().ok();
        } else if line.starts_with("/32 host LOCAL") {
            found.extend(leaf.filter(|address| !address.is_loopback() && !found.contains(address)));
        }
    }
    found
}

/// `/proc/net/if_inet6` (net/ipv6/addrconf.c): address in hexadecimal, interface, prefix, scope (00 is global).
fn global_v6(text: &str) -> Vec<IpAddr> {
    let address = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let global = fields.get(3) == Some(&"00");
        global.then(|| u128::from_str_radix(fields[0], 16).ok()).flatten().map(|bits| Ipv6Addr::from(bits).into())
    };
    text.lines().filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_addresses_are_found_in_the_kernels_tables() {
        let trie = "Local:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     +-- 127.0.0.0/8 2 0 2\n           |-- 127.0.0.1\n              /32 host LOCAL\n     +-- 192.0.2.0/24 2 0 2\n           |-- 192.0.2.2\n              /32 host LOCAL\n           |-- 192.0.2.255\n              /32 link BROADCAST\n";
        assert_eq!(local_v4(trie), ["192.0.2.2".parse::<IpAddr>().unwrap()]);
        let v6 = "00000000000000000000000000000001 01 80 10 80       lo\nfd000000000000000000000000000002 02 40 00 80     eth0\nfe80000000000000000000fffe000002 02 40 20 80     eth0\n";
        assert_eq!(global_v6(v6), ["fd00::2".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn a_job_names_a_file_that_is_one() {
        assert_eq!(path(Path::new("/t"), "prterun-a/b@1"), Path::new("/t/.ergometer-rendezvous-prterun-a_b_1"));
    }
}
