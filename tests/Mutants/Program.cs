using System.Diagnostics;
using System.Globalization;

namespace Rl.Mutants;

/// <summary>
/// Mutation testing of the mathematics: puts each fault of the lists into the core, one at a time, and reports those
/// that no test notices. Arguments: the numbers of the faults to try (all if none); <c>--list</c> only checks the
/// lists; <c>--keep</c> leaves the build where it is and prints what the failing tests said.
/// </summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;

        try
        {
            var repository = Directory.GetCurrentDirectory();
            var faults = FaultList.Read(Path.Combine(repository, "tests/Mutants/faults"));
            Workplace.Check(repository, faults);

            if (arguments.Contains("--list"))
            {
                Console.WriteLine(
                    $"{faults.Count} faults in "
                        + $"{faults.Select(fault => fault.File).Distinct().Count()} files, each in its place.");
                return 0;
            }

            return Run(repository, Chosen(faults, arguments), arguments.Contains("--keep"));
        }
        catch (FormatException error)
        {
            Console.Error.WriteLine(error.Message);
            return 2;
        }
    }

    private static IReadOnlyList<Fault> Chosen(IReadOnlyList<Fault> faults, string[] arguments)
    {
        var numbers = arguments.Where(argument => argument != "--keep").Select(argument =>
            int.TryParse(argument, out int id) && faults.Any(fault => fault.Id == id)
                ? id
                : throw new FormatException(
                    $"'{argument}' is not the number of "
                        + $"a fault; the numbers are in tests/Mutants/faults.")).ToHashSet();

        return numbers.Count == 0 ? faults : faults.Where(fault => numbers.Contains(fault.Id)).ToList();
    }

    private static int Run(string repository, IReadOnlyList<Fault> faults, bool keep)
    {
        var watch = Stopwatch.StartNew();
        var workplace = new Workplace(repository);

        try
        {
            var complaints = workplace.Build(faults);

            if (complaints.Length > 0)
            {
                Console.Error.WriteLine($"The faults do not compile:\n{complaints}");
                return 2;
            }

            Console.WriteLine($"{faults.Count} faults built in {watch.Elapsed.TotalSeconds:F0} s.");
            var tests = faults.SelectMany(fault => fault.Tests).Distinct().ToList();
            var classes = workplace.TestClasses();

            foreach (var name in tests.Where(name => !classes.Any(known => Matches(name, known))))
            {
                throw new FormatException($"No class of tests is called Rl.Tests.{name}.");
            }

            var baseline = workplace.Try(0, tests, TimeSpan.FromMinutes(15));

            if (!baseline.Passed)
            {
                Console.Error.WriteLine(
                    $"Without a fault the tests must pass, but: {baseline.Reason}\n{baseline.Output}");
                return 2;
            }

            // A fault whose tests take longer than all tests took without it hangs, however busy the machine is.
            var limit = 3 * baseline.Time + TimeSpan.FromMinutes(1);
            Console.WriteLine($"Without a fault the tests pass, in {baseline.Time.TotalSeconds:F0} s.");
            int survivors = TryAll(workplace, faults, limit, keep);
            Console.WriteLine(
                $"{faults.Count} faults, {faults.Count - survivors} killed, {survivors} survived, in "
                    + $"{watch.Elapsed.TotalSeconds:F0} s.");
            return survivors == 0 ? 0 : 1;
        }
        finally
        {
            if (keep)
            {
                Console.WriteLine($"Kept: {workplace.Folder}");
            }
            else
            {
                workplace.Dispose();
            }
        }
    }

    private static bool Matches(string name, string known) =>
        name.EndsWith('*')
            ? known.StartsWith("Rl.Tests." + name[..^1], StringComparison.Ordinal)
            : known == "Rl.Tests." + name;

    /// <summary>Tries as many faults at once as there are cores; prints a row for each as it ends. Returns how many
    /// survived.</summary>
    private static int TryAll(Workplace workplace, IReadOnlyList<Fault> faults, TimeSpan limit, bool verbose)
    {
        var gate = new Lock();
        var survivors = new List<Fault>();
        var files = faults.Max(fault => fault.File.Length);
        var words = faults.Max(fault => fault.Words.Length);

        Parallel.ForEach(
            faults,
            new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount },
            fault =>
            {
                var outcome = workplace.Try(fault.Id, fault.Tests, limit);

                lock (gate)
                {
                    var verdict = outcome.Passed ? "SURVIVED" : outcome.Reason;
                    Console.WriteLine(
                        $"{fault.Id,4}  {fault.File.PadRight(files)}  {fault.Words.PadRight(words)}  "
                            + $"{outcome.Time.TotalSeconds,5:F1} s  {verdict}");

                    if (verbose && !outcome.Passed)
                    {
                        Console.WriteLine(outcome.Output);
                    }

                    if (outcome.Passed)
                    {
                        survivors.Add(fault);
                    }
                }
            });

        foreach (var fault in survivors.OrderBy(fault => fault.Id))
        {
            Console.WriteLine(
                $"Survivor {fault.Id}: {fault.File}: {fault.Words}\n- {fault.Original}\n+ {fault.Faulty}");
        }

        return survivors.Count;
    }
}
