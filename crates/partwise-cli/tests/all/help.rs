//! Help, completions and the manual follow the tables.

use crate::common::Place;

const SOLVING: [&str; 17] = [
    "rank",
    "solver",
    "loss",
    "init",
    "seed",
    "tol",
    "max-iter",
    "alpha-w",
    "alpha-h",
    "l1-ratio",
    "constraint",
    "graph",
    "labels",
    "start-w",
    "start-h",
    "hold",
    "threads",
];

#[test]
fn every_solving_flag_is_in_help_completions_and_manual() {
    let place = Place::new();
    let texts = [
        "fit --help",
        "image --help",
        "topics --help",
        "audio --help",
        "completions bash",
        "completions zsh",
        "completions fish",
        "man",
    ];
    for arguments in texts {
        // A manual page writes a hyphen as \-.
        let text = place.succeed(arguments).replace("\\-", "-");
        for flag in SOLVING {
            let mentioned =
                text.contains(&format!("--{flag}")) || text.contains(&format!("-l {flag}"));
            assert!(mentioned, "{arguments}: no {flag}");
        }
    }
}

/// A flag that a command refuses whatever else is given is not offered by it.
#[test]
fn help_offers_no_flag_that_is_always_refused() {
    let place = Place::new();
    place.file("v.txt", "1 2 3\n4 5 6\n7 8 10\n");
    place.file("classes.txt", "a\nb\na\n");
    let of_one_fit = [
        "constraint simplex",
        "constraint graph --graph v.txt",
        "constraint labels --labels classes.txt",
        "start-w v.txt",
        "start-h v.txt",
        "hold w",
    ];
    let of_one_start = ["init spa", "n-init 2"];
    let commands = [
        ("rank v.txt --ranks 1..2", true),
        ("consensus v.txt -k 2", true),
        ("joint v.txt v.txt -k 2", false),
        ("tree v.txt --leaves 2", false),
    ];
    for (command, draws) in commands {
        let name = command.split(' ').next().unwrap();
        let help = place.succeed(&format!("{name} --help"));
        let starts = of_one_start.iter().filter(|_| draws);
        for given in of_one_fit.iter().chain(starts) {
            place.refused(&format!("{command} --{given} -o out"), &["belongs to one"]);
            for flag in given.split(" --") {
                let flag = flag.split(' ').next().unwrap();
                assert!(!help.contains(&format!("--{flag} ")), "{name}: {flag}");
            }
        }
    }
    // The others are there.
    assert!(place.succeed("tree --help").contains("--init "));
    let rank = place.succeed("rank --help");
    assert!(rank.contains("--tol ") && !rank.contains("--rank "));
}

#[test]
fn constraints_come_from_the_engine() {
    let place = Place::new();
    let help = place.succeed("fit --help");
    for constraint in partwise::Constraint::all() {
        let name = constraint.name();
        assert!(help.contains(&format!("- {name}:")), "{name}: {help}");
    }
}

#[test]
fn solvers_and_starts_come_from_the_engine() {
    let place = Place::new();
    let help = place.succeed("fit --help");
    for solver in partwise::Solver::all() {
        assert!(
            help.contains(&format!("- {}:", solver.name())),
            "no {}",
            solver.name()
        );
    }
    for init in partwise::Init::all() {
        assert!(
            help.contains(&format!("- {}:", init.name())),
            "no {}",
            init.name()
        );
    }
    assert!(help.contains("[default: 200]") && help.contains("Examples:"));
}

#[test]
fn the_version_is_that_of_the_package() {
    let place = Place::new();
    let version = place.succeed("--version");
    assert_eq!(version, format!("partwise {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_command_has_a_section_in_the_manual() {
    let place = Place::new();
    let (manual, help) = (place.succeed("man"), place.succeed("--help"));
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let commands: Vec<_> = names.filter(|name| !["", "help"].contains(name)).collect();
    assert!(commands.len() >= 18, "{commands:?}");
    for command in commands {
        let heading = command.to_uppercase();
        assert!(
            manual.contains(&format!(".SH \"PARTWISE {heading}\"")),
            "no {command}"
        );
        let page = place.succeed(&format!("man {command}"));
        let page = page.replace("\\-", "-");
        let title = format!(".TH partwise-{command} 1");
        assert!(page.contains(&title), "{command}: {page}");
        assert!(page.contains(".SH SYNOPSIS\n") && page.contains(&format!("partwise {command}")));
    }
    place.refused("man glue", &["no command 'glue'", "--help"]);
    // Each example is on a line of its own, which is not filled.
    let mut filled = true;
    for line in manual.lines() {
        match line {
            ".nf" => filled = false,
            ".fi" => filled = true,
            line => assert!(!filled || !line.starts_with("partwise fit"), "{line}"),
        }
    }
    assert!(
        manual.contains(".SS EXAMPLES\n.nf\npartwise fit"),
        "{manual}"
    );
    assert!(!manual.contains("EXTRA"));
}
