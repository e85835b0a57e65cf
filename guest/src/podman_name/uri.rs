//! Whether a text is a URL with `http://` in front, by the rules of Go's net/url, and names a host that
//! could be a registry's.

/// `IsValidImageURI`.
pub fn is_image_uri(text: &str) -> bool {
    let (url, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (url, _query) = url.split_once('?').unwrap_or((url, ""));
    // The query may hold anything else.
    if text.split('#').next().is_some_and(|url| url.bytes().any(|byte| byte < b' ' || byte == 0x7f)) {
        return false;
    }
    let (authority, path) = match url.find('/') {
        Some(slash) => url.split_at(slash),
        None => (url, ""),
    };
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (user, host),
        None => ("", authority),
    };
    // What was escaped is no character of a host or a fragment that is good here, so nothing needs to be
    // unescaped but to know that it could be.
    are_escapes(path)
        && is_user(user)
        && is_port(host)
        && is_host(host)
        && are_escapes(fragment)
        && is_fragment(fragment)
}

/// Whether every `%` has two hexadecimal digits after it.
fn are_escapes(text: &str) -> bool {
    text.split('%').skip(1).all(|after| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

fn is_user(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte);
    text.bytes().all(good) && are_escapes(text)
}

/// Whether what follows the first colon is a port, which may be empty.
fn is_port(host: &str) -> bool {
    host.split_once(':').is_none_or(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `^[a-zA-Z0-9-_\.]+\/?:?[0-9]*[a-z0-9-\/:]*$`: the last part takes whatever the ones before it would.
fn is_host(host: &str) -> bool {
    let first = host.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte)).count();
    let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-/:".contains(&byte);
    first > 0 && host.bytes().skip(first).all(rest)
}

/// `^[a-z0-9-:\./]*$`, of what the fragment is once unescaped.
fn is_fragment(fragment: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-:./".contains(&byte);
    let mut bytes = fragment.bytes();
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'%' {
            let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16)).unwrap_or(0);
            let high = digit();
            u8::try_from(high * 16 + digit()).unwrap_or(0)
        } else {
            byte
        };
        if !good(byte) {
            return false;
        }
    }
    true
}
