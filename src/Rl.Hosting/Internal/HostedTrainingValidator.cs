using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.Extensions.Options;
using Rl.Core.Foundations;

namespace Rl.Hosting.Internal;

/// <summary>Finds all faults of a training's options at once.</summary>
internal sealed class HostedTrainingValidator(string training, bool hasEnvironment)
    : IValidateOptions<HostedTrainingOptions>
{
    public ValidateOptionsResult Validate(string? name, HostedTrainingOptions options)
    {
        if (name != training)
        {
            return ValidateOptionsResult.Skip;
        }

        var faults = Faults(options).Select(fault => $"Training \"{training}\": {fault}").ToList();
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private IEnumerable<string> Faults(HostedTrainingOptions options)
    {
        foreach (var fault in options.Unread)
        {
            yield return fault;
        }

        if (Algorithms.All.Any(algorithm => algorithm.Id == options.Algorithm))
        {
            // Each by itself, so that one fault hides no other; then what holds between them.
            var alone = options.Settings
                .Select(setting => Fault(() => Algorithms.Options(options.Algorithm, [setting]).Validate()))
                .OfType<string>()
                .ToList();
            var together = alone.Count > 0
                ? null
                : Fault(() => Algorithms.Options(options.Algorithm, [.. options.Settings]).Validate());
            foreach (var fault in together is null ? alone : [together])
            {
                yield return $"Settings: {fault}";
            }
        }
        else
        {
            yield return $"Algorithm is \"{options.Algorithm}\"; it must be one of "
                + $"{string.Join(", ", Algorithms.All.Select(algorithm => algorithm.Id))}.";
        }

        if (options.Environment is null)
        {
            if (!hasEnvironment)
            {
                yield return "Environment is missing; name one of the library, or give AddTraining a factory.";
            }
        }
        else if (hasEnvironment)
        {
            yield return $"Environment is \"{options.Environment}\", and the program gives one of its own; "
                + "leave it out.";
        }
        else if (Fault(() => Environments.Make(options.Environment)) is { } fault)
        {
            yield return $"Environment: {fault}";
        }

        // What could not be read has been told already.
        bool IsRead(string name) =>
            !options.Unread.Any(fault => fault.StartsWith($"{name} ", StringComparison.OrdinalIgnoreCase));

        if (options.TotalSteps < 1 && IsRead(nameof(options.TotalSteps)))
        {
            yield return $"TotalSteps is {options.TotalSteps}; it must be at least 1.";
        }

        if (string.IsNullOrWhiteSpace(options.Folder))
        {
            yield return "Folder is missing; it is where checkpoints are kept.";
        }
        else if (Unwritable(options.Folder) is { } unwritable)
        {
            yield return $"Folder is \"{options.Folder}\": {unwritable} Choose one that the program may write.";
        }

        if (options.CheckpointInterval < TimeSpan.Zero)
        {
            yield return $"CheckpointInterval is {options.CheckpointInterval}; it must not be negative.";
        }

        if (options.EvaluateEverySteps < 1)
        {
            yield return $"EvaluateEverySteps is {options.EvaluateEverySteps}; it must be at least 1.";
        }

        if (options.EvaluationEpisodes < 1)
        {
            yield return $"EvaluationEpisodes is {options.EvaluationEpisodes}; it must be at least 1.";
        }

        if (options.StopAtReturn is { } threshold)
        {
            if (!double.IsFinite(threshold))
            {
                yield return $"StopAtReturn is {threshold}; it must be a finite return.";
            }

            if (options.EvaluateEverySteps is null && IsRead(nameof(options.EvaluateEverySteps)))
            {
                yield return "StopAtReturn judges evaluations; set EvaluateEverySteps too.";
            }
        }
    }

    /// <summary>Tries to begin a file in a folder; what was not there before is not there afterwards.</summary>
    private static string? Unwritable(string folder)
    {
        var isNew = !Path.Exists(folder);
        try
        {
            using (WholeFile.Create(Path.Combine(folder, "agent.rl")))
            {
                // It is not kept.
            }

            if (isNew)
            {
                Directory.Delete(folder);
            }

            return null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return error.Message;
        }
    }

    private static string? Fault(Action check)
    {
        try
        {
            check();
            return null;
        }
        catch (ArgumentException error)
        {
            // Without the parameter's name that .NET appends.
            var end = error.Message.IndexOf(" (Parameter '", StringComparison.Ordinal);
            return end < 0 ? error.Message : error.Message[..end];
        }
    }
}
