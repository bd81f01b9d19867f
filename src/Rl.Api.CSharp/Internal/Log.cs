using System;
using Microsoft.Extensions.Logging;

namespace Rl.Internal;

/// <summary>What an agent logs: updates at debug level, everything else as what it is.</summary>
internal static partial class Log
{
    [LoggerMessage(
        1, LogLevel.Information,
        "Training {Algorithm} on {Environment} with seed {Seed} from step {Steps} to {TotalSteps}")]
    public static partial void Started(
        ILogger logger, string algorithm, string environment, ulong seed, long steps, long totalSteps);

    [LoggerMessage(
        2, LogLevel.Debug, "Update {Update} at step {Steps}: mean return {MeanReturn}, {StepsPerSecond} steps/s")]
    public static partial void Updated(
        ILogger logger, long update, long steps, double meanReturn, double stepsPerSecond);

    [LoggerMessage(3, LogLevel.Warning, "Update {Update}: {Message}")]
    public static partial void Warned(ILogger logger, long update, string message);

    [LoggerMessage(4, LogLevel.Information, "Saved the agent at step {Steps} to {Path}")]
    public static partial void Saved(ILogger logger, long steps, string path);

    [LoggerMessage(8, LogLevel.Warning, "The agent could not be saved at step {Steps}; it is tried again: {Message}")]
    public static partial void NotSaved(ILogger logger, long steps, string message);

    [LoggerMessage(5, LogLevel.Information, "Trained to step {Steps} in {Elapsed}: mean return {MeanReturn}")]
    public static partial void Ended(ILogger logger, long steps, TimeSpan elapsed, double meanReturn);

    [LoggerMessage(6, LogLevel.Information, "Training was stopped at step {Steps}")]
    public static partial void Stopped(ILogger logger, long steps);

    [LoggerMessage(
        9, LogLevel.Warning,
        "Nothing to train: the agent has taken {Steps} steps, and its plan ends at "
            + "{TotalSteps}; make a longer one with Train(totalSteps)")]
    public static partial void AtEnd(ILogger logger, long steps, long totalSteps);

    [LoggerMessage(10, LogLevel.Information, "A callback stopped training at step {Steps}: {Reason}")]
    public static partial void StoppedByCallback(ILogger logger, long steps, string reason);

    [LoggerMessage(7, LogLevel.Error, "Training failed at step {Steps}")]
    public static partial void Failed(ILogger logger, Exception error, long steps);
}
