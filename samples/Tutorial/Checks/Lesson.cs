using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Rl.Tutorial;

/// <summary>The five checks: what a student runs.</summary>
public static class Lesson
{
    private static readonly (string Title, string Task, Func<IExercise, string?> Check)[] Todos =
    [
        (
            "store data",
            "write each part of a step into its row: copy n at time t has row t · N + n.",
            StoreCheck.Run),
        (
            "act",
            "a = µ + σ · noise, and log π(a|s) = Σ (−½ noise² − ln σ − ½ ln 2π).",
            ActCheck.Run),
        (
            "advantage",
            "δₜ = rₜ + γ V(sₜ₊₁) − V(sₜ) and Aₜ = δₜ + γλ Aₜ₊₁, from the last step to the first; mind the ends.",
            AdvantageCheck.Run),
        (
            "gradient",
            "g = ∇L(θ), scaled down to the largest norm; then the optimiser's step downhill.",
            GradientCheck.Run),
        (
            "loss",
            "mean of −min(ρA, clip(ρ, 1 − ε, 1 + ε)A) + c₁ · ½ (V − R)² − c₂ H, with ρ = exp(log π − log π_old).",
            LossCheck.Run),
    ];

    /// <summary>What stands in each gap, in their order. A gap that throws is wrong, unless it throws
    /// <see cref="NotImplementedException"/>.</summary>
    /// <param name="exercise">The gaps.</param>
    public static IReadOnlyList<Finding> Check(IExercise exercise)
    {
        ArgumentNullException.ThrowIfNull(exercise);
        return [.. Todos.Select((todo, index) => Check(exercise, index + 1, todo.Title, todo.Task, todo.Check))];
    }

    /// <summary>Checks and tells, a line a gap.</summary>
    /// <param name="exercise">The gaps.</param>
    /// <param name="output">Where it tells.</param>
    /// <returns>Whether all are right.</returns>
    public static bool Tell(IExercise exercise, TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(output);
        var findings = Check(exercise);
        foreach (var finding in findings)
        {
            var standing = finding.Standing switch
            {
                Standing.Open => "to do",
                Standing.Wrong => "wrong",
                _ => "right",
            };
            output.WriteLine($"TODO {finding.Todo}  {finding.Title,-10}  {standing}  {finding.Says}".TrimEnd());
        }

        var right = findings.Count(finding => finding.Standing == Standing.Right);
        output.WriteLine(
            right == findings.Count
                ? "All five are right: `dotnet run -c Release -- train` learns."
                : $"{right} of {findings.Count} are right.");
        return right == findings.Count;
    }

    private static Finding Check(
        IExercise exercise, int todo, string title, string task, Func<IExercise, string?> check)
    {
        try
        {
            var wrong = check(exercise);
            return wrong is null
                ? new(todo, title, Standing.Right, "")
                : new(todo, title, Standing.Wrong, wrong);
        }
        catch (NotImplementedException)
        {
            return new(todo, title, Standing.Open, task);
        }
        // Whatever a student's code throws is what the student wants to read.
#pragma warning disable CA1031
        catch (Exception error)
#pragma warning restore CA1031
        {
            return new(todo, title, Standing.Wrong, $"It throws {error.GetType().Name}: {error.Message}");
        }
    }
}
