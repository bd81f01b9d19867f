// Measures what docs/reliability.md claims. One experiment a call, which prints its figures and fails when the claim
// does not hold:
//
//     damage [--files 3000] [--seed 1]      damaged agent files are refused by name, in little memory
//     kills  [--kills 200] [--seed 1]       SIGKILLs of `rl train`: each run resumes and ends with the same bits
//     disk                                  a full disk during `rl train` (Linux, needs the right to mount)
//     soak   [--minutes 30]                 training and serving in one process in flat memory
using System;
using System.Globalization;
using Rl.Reliability;

try
{
    return args switch
    {
        ["damage", .. var rest] => DamagedFiles.Run(Number(rest, "--files", 3_000), Number(rest, "--seed", 1)),
        ["kills", .. var rest] => Kills.Run(Number(rest, "--kills", 200), Number(rest, "--seed", 1)),
        ["disk"] => FullDisk.Run(),
        ["soak", .. var rest] => Soak.Run(TimeSpan.FromMinutes(Number(rest, "--minutes", 30))),
        _ => throw new ArgumentException("Name an experiment: damage, kills, disk or soak."),
    };
}
catch (ArgumentException error)
{
    await Console.Error.WriteLineAsync(error.Message);
    return 2;
}

static int Number(string[] words, string name, int otherwise)
{
    var place = Array.IndexOf(words, name);
    if (place < 0)
    {
        return otherwise;
    }

    return place + 1 < words.Length && int.TryParse(words[place + 1], CultureInfo.InvariantCulture, out var number)
        ? number
        : throw new ArgumentException($"{name} needs a whole number.");
}
