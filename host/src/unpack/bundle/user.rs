//! Who a process of the image runs as: `user[:group]`, by name or number, as moby and umoci look it up in the image's
//! own `/etc/passwd` and `/etc/group`.

use std::io::{ErrorKind, Read as _};

use cap_std::fs::Dir;

/// Bytes of `/etc/passwd` and of `/etc/group` that are read.
const LIMIT: u64 = 4 << 20;

/// A user of the image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Other groups the user is in, ascending. None where a group was asked for.
    pub additional: Vec<u32>,
    /// The user's home, where `/etc/passwd` has one.
    pub home: Option<String>,
}

/// Looks a user up in an unpacked image. A number that is not in `/etc/passwd` is a user of group 0.
///
/// # Errors
/// Why there is no such user, for people.
pub fn find_user(rootfs: &Dir, text: &str) -> Result<User, String> {
    let passwd = lines(rootfs, "etc/passwd")?;
    let group = lines(rootfs, "etc/group")?;
    let (user, of_group) = match text.split_once(':') {
        Some((user, group)) => (user, (!group.is_empty()).then_some(group)),
        None => (text, None),
    };
    let user = if user.is_empty() { "0" } else { user };
    let number = id(user);
    // A name that looks like a number is found as a name first.
    let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
    let known = passwd.iter().map(|line| fields(line)).filter(|fields| fields.len() >= 4);
    let known: Vec<_> = known.collect();
    let named = known.iter().find(|fields| fields[0] == user);
    let numbered = || known.iter().find(|fields| number.is_some() && id(&fields[2]) == number);
    let mut found = match (named.or_else(numbered), number) {
        (Some(fields), _) => {
            let wrong = || format!("`/etc/passwd` of the image has no number for `{}`", fields[0]);
            User {
                uid: id(&fields[2]).ok_or_else(wrong)?,
                gid: id(&fields[3]).ok_or_else(wrong)?,
                additional: member_of(&group, &fields[0]),
                home: fields.get(5).filter(|home| !home.is_empty()).cloned(),
            }
        }
        (None, Some(uid)) => User { uid, ..User::default() },
        (None, None) => return Err(format!("wanted a user of the image, found `{user}`")),
    };
    if let Some(wanted) = of_group {
        let named =
            group.iter().map(|line| fields(line)).find(|fields| fields.len() >= 3 && fields[0] == wanted);
        let gid = match named {
            Some(fields) => id(&fields[2]),
            None => id(wanted),
        };
        found.gid = gid.ok_or_else(|| format!("wanted a group of the image, found `{wanted}`"))?;
        found.additional.clear();
    }
    let own = found.gid;
    found.additional.retain(|gid| *gid != own);
    Ok(found)
}

fn member_of(group: &[String], name: &str) -> Vec<u32> {
    let mut gids: Vec<u32> = group
        .iter()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let gid = id(fields.nth(2)?)?;
            fields.next()?.split(',').any(|member| member == name).then_some(gid)
        })
        .collect();
    gids.sort_unstable();
    gids.dedup();
    gids
}

fn id(text: &str) -> Option<u32> {
    // What is negative to runtimes is none.
    text.parse::<u32>().ok().filter(|id| i32::try_from(*id).is_ok())
}

/// The lines of a file of the image; none where it has no such file. Links are followed within the image only.
fn lines(rootfs: &Dir, path: &str) -> Result<Vec<String>, String> {
    let failed = |error: std::io::Error| format!("reading `/{path}` of the image failed: {error}");
    let file = match crate::unpack::access::open_file(rootfs, path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LIMIT {
        return Err(format!("wanted at most {LIMIT} bytes in `/{path}` of the image, found more"));
    }
    let text = String::from_utf8_lossy(&bytes);
    let meant = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    Ok(text.lines().filter(meant).map(str::to_owned).collect())
}
