//! `$((…))` (POSIX.1-2017, XCU 2.6.4): the operators of C on 64-bit integers, without `++`, `--` and `,`, as in dash.

use crate::state::State;

/// How deep parentheses and unary operators may be nested.
const DEEPEST: usize = 200;

/// Evaluates an expression whose `$` expansions are done.
pub(crate) fn evaluate(text: &str, state: &mut State) -> Result<i64, String> {
    let chars: Vec<char> = text.chars().collect();
    let mut machine = Machine { chars: &chars, at: 0, state, depth: 0, skip: 0 };
    let value = machine.assignment().and_then(|value| match machine.peek() {
        None => Ok(value),
        Some(_) => Err("expecting EOF".to_owned()),
    });
    value.map_err(|why| match why.strip_prefix('\0') {
        Some(plain) => plain.to_owned(),
        None => format!("arithmetic expression: {why}: \"{text}\""),
    })
}

/// A number as C writes it: decimal, octal with 0, hexadecimal with 0x.
pub(crate) fn number(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (radix, body) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => (16, hex),
        None if digits.len() > 1 && digits.starts_with('0') => (8, digits),
        None => (10, digits),
    };
    if body.is_empty() || !body.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    // Too large a number is the largest, as strtoimax has it.
    let value = i64::from_str_radix(body, radix).unwrap_or(i64::MAX);
    Some(if negative { value.wrapping_neg() } else { value })
}

struct Machine<'a> {
    chars: &'a [char],
    at: usize,
    state: &'a mut State,
    depth: usize,
    /// Inside of a branch that is not taken: nothing is assigned, and division by zero is none.
    skip: usize,
}

/// Binary operators by precedence, the weakest first; longer ones before their beginnings.
const LEVELS: [&[&str]; 10] = [
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<=", ">=", "<", ">"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

const ASSIGNMENTS: [&str; 11] = ["<<=", ">>=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "="];

impl Machine<'_> {
    fn peek(&mut self) -> Option<char> {
        while self.chars.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
        self.chars.get(self.at).copied()
    }

    fn looking_at(&mut self, text: &str) -> bool {
        self.peek();
        text.chars().enumerate().all(|(i, c)| self.chars.get(self.at + i) == Some(&c))
    }

    fn eat(&mut self, text: &str) -> bool {
        let there = self.looking_at(text);
        self.at += if there { text.chars().count() } else { 0 };
        there
    }

    fn name(&mut self) -> Option<String> {
        self.peek().filter(|c| c.is_ascii_alphabetic() || *c == '_')?;
        let rest = self.chars.get(self.at..)?;
        let name: String = rest.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '_').collect();
        self.at += name.len();
        Some(name)
    }

    fn assignment(&mut self) -> Result<i64, String> {
        let start = self.at;
        if let Some(name) = self.name() {
            let operator = ASSIGNMENTS.iter().find(|operator| self.looking_at(operator));
            if let Some(operator) = operator.filter(|operator| **operator != "=" || !self.looking_at("==")) {
                self.eat(operator);
                self.nested()?;
                let right = self.assignment()?;
                self.depth -= 1;
                let value = match operator.strip_suffix('=') {
                    Some("") | None => right,
                    Some(operator) => {
                        let left = self.variable(&name)?;
                        self.apply(operator, left, right)?
                    }
                };
                if self.skip == 0 {
                    self.state.set(&name, &value.to_string()).map_err(|why| format!("\0{why}"))?;
                }
                return Ok(value);
            }
        }
        self.at = start;
        self.conditional()
    }

    fn nested(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEEPEST { Err("nested too deeply".into()) } else { Ok(()) }
    }

    fn conditional(&mut self) -> Result<i64, String> {
        let condition = self.binary(0)?;
        if !self.eat("?") {
            return Ok(condition);
        }
        self.nested()?;
        let taken = self.when(condition != 0, Self::assignment)?;
        if !self.eat(":") {
            return Err("expecting ':'".into());
        }
        let other = self.when(condition == 0, Self::conditional)?;
        self.depth -= 1;
        Ok(if condition != 0 { taken } else { other })
    }

    /// Reads an operand, for its effects only if `taken`.
    fn when(&mut self, taken: bool, read: impl Fn(&mut Self) -> Result<i64, String>) -> Result<i64, String> {
        self.skip += usize::from(!taken);
        let value = read(self);
        self.skip -= usize::from(!taken);
        value
    }

    fn binary(&mut self, level: usize) -> Result<i64, String> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = operators.iter().copied().find(|operator| self.is_operator(operator)) {
            self.eat(operator);
            left = match operator {
                "||" => i64::from(self.when(left == 0, |m| m.binary(level + 1))? != 0 || left != 0),
                "&&" => i64::from(self.when(left != 0, |m| m.binary(level + 1))? != 0 && left != 0),
                _ => {
                    let right = self.binary(level + 1)?;
                    self.apply(operator, left, right)?
                }
            };
        }
        Ok(left)
    }

    /// Whether this operator comes next, and no longer one.
    fn is_operator(&mut self, operator: &str) -> bool {
        if !self.looking_at(operator) {
            return false;
        }
        let next = self.chars.get(self.at + operator.len()).copied();
        match operator {
            "|" | "&" => next != operator.chars().next() && next != Some('='),
            "<" | ">" => next != operator.chars().next() && next != Some('='),
            "<<" | ">>" | "+" | "-" | "*" | "/" | "%" | "^" => next != Some('='),
            _ => true,
        }
    }

    fn apply(&self, operator: &str, left: i64, right: i64) -> Result<i64, String> {
        Ok(match operator {
            "|" => left | right,
            "^" => left ^ right,
            "&" => left & right,
            "==" => i64::from(left == right),
            "!=" => i64::from(left != right),
            "<=" => i64::from(left <= right),
            ">=" => i64::from(left >= right),
            "<" => i64::from(left < right),
            ">" => i64::from(left > right),
            // The number of bits is taken modulo 64, as processors do.
            "<<" => left.wrapping_shl((right & 63) as u32),
            ">>" => left.wrapping_shr((right & 63) as u32),
            "+" => left.wrapping_add(right),
            "-" => left.wrapping_sub(right),
            "*" => left.wrapping_mul(right),
            "/" | "%" if right == 0 && self.skip > 0 => 0,
            "/" | "%" if right == 0 => return Err("division by zero".into()),
            "/" => left.wrapping_div(right),
            _ => left.wrapping_rem(right),
        })
    }

    fn unary(&mut self) -> Result<i64, String> {
        self.nested()?;
        let value = match self.peek() {
            Some('-') => {
                self.at += 1;
                self.unary()?.wrapping_neg()
            }
            Some('+') => {
                self.at += 1;
                self.unary()?
            }
            Some('!') => {
                self.at += 1;
                i64::from(self.unary()? == 0)
            }
            Some('~') => {
                self.at += 1;
                !self.unary()?
            }
            Some('(') => {
                self.at += 1;
                let value = self.assignment()?;
                if !self.eat(")") {
                    return Err("expecting ')'".into());
                }
                value
            }
            Some(c) if c.is_ascii_digit() => {
                let rest = self.chars.get(self.at..).unwrap_or_default();
                let text: String = rest.iter().take_while(|c| c.is_ascii_alphanumeric()).collect();
                self.at += text.len();
                number(&text).ok_or("expecting EOF")?
            }
            _ => match self.name() {
                Some(name) => self.variable(&name)?,
                None => return Err("expecting primary".into()),
            },
        };
        self.depth -= 1;
        Ok(value)
    }

    fn variable(&self, name: &str) -> Result<i64, String> {
        let Some(value) = self.state.get(name) else {
            if self.state.options.no_unset && self.skip == 0 {
                return Err(format!("\0{name}: parameter not set"));
            }
            return Ok(0);
        };
        if value.trim().is_empty() {
            return Ok(0);
        }
        number(value).ok_or_else(|| format!("\0Illegal number: {value}"))
    }
}
