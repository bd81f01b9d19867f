extern alias CSharpExercise;
extern alias CSharpSolution;
extern alias FSharpExercise;
extern alias FSharpSolution;

using System;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Rl.Tutorial;
using Xunit;

namespace Rl.Tests.Tutorial;

/// <summary>Exercises are solutions with gaps, and the checks tell them apart.</summary>
public sealed partial class ExerciseTests
{
    public static TheoryData<string> Languages => ["CSharp", "FSharp"];

    [Theory]
    [MemberData(nameof(Languages))]
    public void A_solution_is_right(string language)
    {
        var output = new StringWriter();
        Assert.True(Lesson.Tell(Exercise(language, isSolved: true), output), output.ToString());
        Assert.Contains("All five are right", output.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Languages))]
    public void An_exercise_is_open_and_says_what_is_to_be_done(string language)
    {
        var output = new StringWriter();
        var exercise = Exercise(language, isSolved: false);
        Assert.False(Lesson.Tell(exercise, output));
        Assert.Contains("0 of 5 are right", output.ToString(), StringComparison.Ordinal);
        Assert.All(Lesson.Check(exercise), finding => Assert.Equal(Standing.Open, finding.Standing));
        Assert.All(Lesson.Check(exercise), finding => Assert.NotEmpty(finding.Says));
    }

    [Theory]
    [MemberData(nameof(Languages))]
    public void An_exercise_is_its_solution_with_five_gaps(string language)
    {
        var solution = Text(language, "Solution");
        var exercise = Text(language, "Exercise");
        Assert.Equal(5, Gap().Count(solution));
        Assert.Equal(Gap().Replace(solution, "${title}"), Gap().Replace(exercise, "${title}"));
        Assert.All(
            Gap().Matches(exercise),
            gap => Assert.Contains("NotImplementedException", gap.Groups["body"].Value, StringComparison.Ordinal));
        Assert.DoesNotContain("NotImplementedException", solution, StringComparison.Ordinal);
    }

    private static IExercise Exercise(string language, bool isSolved) => (language, isSolved) switch
    {
        ("CSharp", true) => new CSharpSolution::Rl.Tutorial.Numbers(),
        ("CSharp", false) => new CSharpExercise::Rl.Tutorial.Numbers(),
        (_, true) => FSharpSolution::Rl.Tutorial.Numbers.exercise,
        _ => FSharpExercise::Rl.Tutorial.Numbers.exercise,
    };

    private static string Text(string language, string folder)
    {
        var project = Path.Combine(Repository.Root, "samples", "Tutorial", language, folder);
        return File.ReadAllText(Directory.GetFiles(project, "Exercise.*s").Single());
    }

    [GeneratedRegex(@"(?<title>// TODO (?<n>\d): [^\n]*\n)(?<body>.*?)// end of TODO \k<n>", RegexOptions.Singleline)]
    private static partial Regex Gap();
}
