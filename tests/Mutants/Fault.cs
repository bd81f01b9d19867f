using System.Globalization;

namespace Rl.Mutants;

/// <summary>A small fault in one place of the core, with the tests that must notice it.</summary>
/// <param name="Id">The number that switches it on.</param>
/// <param name="File">Where it is, under the core's folder.</param>
/// <param name="Words">What it is, in words.</param>
/// <param name="Original">The text it replaces.</param>
/// <param name="Faulty">What stands there instead.</param>
/// <param name="Tests">Classes of tests under <c>Rl.Tests</c>; a trailing * stands for any ending.</param>
internal sealed record Fault(
    int Id, string File, string Words, string Original, string Faulty, IReadOnlyList<string> Tests)
{
    /// <summary>What a faulty text writes where it asks whether it is switched on; it then replaces the original as it
    /// is.</summary>
    public const string Question = "FAULTY";

    /// <summary>Whether the faulty text holds its own switch.</summary>
    public bool HoldsSwitch => Faulty.Contains(Question, StringComparison.Ordinal);
}

/// <summary>
/// Reads lists of faults. A heading <c># file</c> and a line <c>tests: classes</c> hold for the faults below; a fault
/// is a line <c>number words</c>, lines <c>- original</c>, lines <c>+ faulty</c>, and its own <c>tests:</c> if it needs
/// others. Lines that begin with // are remarks.
/// </summary>
internal static class FaultList
{
    public static IReadOnlyList<Fault> Read(string folder)
    {
        var faults = Directory.GetFiles(folder, "*.txt").Order(StringComparer.Ordinal).SelectMany(ReadFile).ToList();

        foreach (var twice in faults.GroupBy(fault => fault.Id).Where(group => group.Count() > 1))
        {
            throw new FormatException(
                $"The number {twice.Key} is given to {twice.Count()} faults; each needs its own.");
        }

        return faults;
    }

    private static IEnumerable<Fault> ReadFile(string path)
    {
        string file = "";
        string[] tests = [];
        var lines = File.ReadAllLines(path);
        int at = 0;

        while (at < lines.Length)
        {
            var line = lines[at];

            if (line.Length == 0 || line.StartsWith("//", StringComparison.Ordinal))
            {
                at++;
            }
            else if (line.StartsWith("# ", StringComparison.Ordinal))
            {
                file = line[2..].Trim();
                tests = [];
                at++;
            }
            else if (line.StartsWith("tests:", StringComparison.Ordinal))
            {
                tests = Names(line);
                at++;
            }
            else
            {
                int number = at + 1;
                var heading = line.Split(' ', 2);
                at++;
                var original = Take(lines, ref at, '-');
                var faulty = Take(lines, ref at, '+');
                var own = tests;

                // Tests that follow without an empty line between are the fault's own.
                if (at < lines.Length && lines[at].StartsWith("tests:", StringComparison.Ordinal))
                {
                    own = Names(lines[at]);
                    at++;
                }

                if (!int.TryParse(heading[0], NumberStyles.None, CultureInfo.InvariantCulture, out int id) || id == 0
                    || heading.Length < 2 || original.Length == 0 || faulty.Length == 0 || file.Length == 0
                    || own.Length == 0)
                {
                    throw new FormatException(
                        $"{path}:{number}: a fault is a line 'number words', lines '- original', lines '+ faulty', "
                            + "under '# file' and 'tests: classes'.");
                }

                yield return new Fault(id, file, heading[1].Trim(), original, faulty, own);
            }
        }
    }

    private static string[] Names(string line) =>
        line["tests:".Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static string Take(string[] lines, ref int at, char mark)
    {
        var taken = new List<string>();

        while (at < lines.Length && lines[at].StartsWith($"{mark} ", StringComparison.Ordinal))
        {
            taken.Add(lines[at][2..]);
            at++;
        }

        return string.Join('\n', taken);
    }
}
