//! Words of a command line as a POSIX shell has them.

/// A word as a shell takes it.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=+,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// The words of a line of [quoted](quote) words. Of a line that was not quoted, the parts between blanks.
pub fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (vec![], None::<String>, false);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if !quoted => word.get_or_insert_default().extend(chars.next()),
            c if c.is_ascii_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if quoted { line.split_whitespace().map(str::to_owned).collect() } else { words }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_split_or_expand_them() {
        assert_eq!(quote("runs/a-1"), "runs/a-1");
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("it's $x"), "'it'\\''s $x'");
        assert_eq!(quote(""), "''");
    }

    #[test]
    fn what_is_quoted_is_split_into_the_same_words() {
        let words =
            ["", "a b", "it's", "''", "\\", "*", "~", "a\nb", "$(x)`y`", "layers=[{relu=true}]", "\"", "é#!&;|<>"];
        let line: Vec<String> = words.iter().map(|w| quote(w)).collect();
        assert_eq!(split(&format!(" {}  end ", line.join(" "))), [&words[..], &["end"]].concat());
        assert_eq!(split("train it's --data d"), ["train", "it's", "--data", "d"], "it was never quoted");
    }
}
