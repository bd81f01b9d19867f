using System;
using System.IO;
using Rl.Core.Foundations;
using Rl.Core.Learning;
using Rl.Core.Training;

namespace Rl;

/// <summary>Training made a number that is not finite. The agent is as it was before the update that failed: it can be
/// saved, used and replayed.</summary>
public sealed class TrainingFailureException : Exception
{
    internal TrainingFailureException(TrainingFailure failure)
        : base(failure.Message, failure) => Details = new(failure.Record);

    /// <summary>Where it happened, and with what.</summary>
    public TrainingFailureDetails Details { get; }
}

/// <summary>Where training first made a number that is not finite, with the batch that it happened in.</summary>
public sealed class TrainingFailureDetails
{
    private readonly FailureRecord record;

    internal TrainingFailureDetails(FailureRecord record) => this.record = record;

    /// <summary>The algorithm's id.</summary>
    public string Algorithm => record.Algorithm;

    /// <summary>The update that failed, from 1.</summary>
    public long Update => record.Update;

    /// <summary>The epoch within the update, from 1; null where the algorithm has none.</summary>
    public int? Epoch => record.Epoch > 0 ? record.Epoch : null;

    /// <summary>The minibatch within the epoch, or the step within the update, from 1.</summary>
    public int Minibatch => record.Minibatch;

    /// <summary>The first operation whose value is not finite while what it was applied to is, with its shape; or the
    /// input that was not finite to begin with.</summary>
    public string Operation => record.Operation;

    /// <summary>The value: NaN or an infinity.</summary>
    public double Value => record.Value;

    /// <summary>The step of the sample within the rollout, from 0; null if the operation belongs to no single
    /// sample.</summary>
    public int? RolloutStep => record.RolloutStep >= 0 ? record.RolloutStep : null;

    /// <summary>The copy of the environment that the sample comes from, from 0; null if the operation belongs to no
    /// single sample.</summary>
    public int? Copy => record.Copy >= 0 ? record.Copy : null;

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is cut, damaged, of another kind or of a newer
    /// version.</exception>
    public static TrainingFailureDetails Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new(FailureFile.ofBytes(path, File.ReadAllBytes(path)));
    }

    /// <summary>Writes the details and the failing batch (θ, the optimiser's variables and the samples, as they were
    /// before the step) to one file.</summary>
    /// <param name="path">The file; an earlier one is replaced.</param>
    public void Save(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        WholeFile.Write(path, stream => stream.Write(FailureFile.toBytes(record)));
    }

    /// <summary>Whether both tell of the same operation at the same place, on the same batch bit for bit.</summary>
    /// <param name="other">The other one.</param>
    public bool IsSameAs(TrainingFailureDetails other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return record.IsSameAs(other.record);
    }

    /// <summary>One sentence: the operation with its operands, the update and the sample.</summary>
    public override string ToString() => record.Summary;
}
