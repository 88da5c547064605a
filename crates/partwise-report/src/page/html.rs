//! Words on their way into HTML, and commands on their way into a shell.

/// `text` with every sign that means something in HTML spelled out: safe between tags and in quoted attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // HTML has no way to hold this one.
            '\0' => safe.push('\u{fffd}'),
            _ => safe.push(letter),
        }
    }
    safe
}

/// The words of a command as a line for a POSIX shell.
pub(super) fn command_line(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| shell_word(word)).collect();
    quoted.join(" ")
}

fn shell_word(word: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "-_./=:,+@%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_html_are_spelled_out() {
        assert_eq!(
            escaped("</title><img src=\"x\" onerror='y'>&\0"),
            "&lt;/title&gt;&lt;img src=&quot;x&quot; onerror=&#39;y&#39;&gt;&amp;\u{fffd}"
        );
    }

    #[test]
    fn words_with_spaces_and_signs_are_quoted() {
        let words = [
            "partwise",
            "image",
            "my photo's.png",
            "-k",
            "20",
            "$HOME",
            "",
        ];
        let words = words.map(str::to_owned);
        assert_eq!(
            command_line(&words),
            r"partwise image 'my photo'\''s.png' -k 20 '$HOME' ''"
        );
    }
}
