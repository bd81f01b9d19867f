using System;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using Rl.Internal;

namespace Rl.Cli.Tuning;

/// <summary>A piece of a member's training: from a file, with options, to a number of steps.</summary>
/// <param name="Member">The member.</param>
/// <param name="From">The agent's file that it begins with.</param>
/// <param name="To">The file that it leaves.</param>
/// <param name="Options">The options of the piece.</param>
/// <param name="Target">The steps after which it ends.</param>
/// <param name="Episodes">The episodes of the evaluation at its end.</param>
internal sealed record MemberPiece(
    Member Member, string From, string To, AgentOptions Options, long Target, int Episodes)
{
    /// <summary>The piece without its place.</summary>
    public TrainingPiece Training => new(Options, Member.HasCopied ? Member.Number : null, Target);
}

/// <summary>Who trains the pieces of a population, whose result follows from each piece alone.</summary>
internal interface IMemberPieces
{
    /// <summary>How many may be begun at once.</summary>
    int AtOnce { get; }

    /// <summary>Trains a piece; it has left its file when this ends, unless it failed.</summary>
    Task<TrialScore> Train(MemberPiece piece, CancellationToken interruption);
}

/// <summary>Pieces that are trained in this process, each on one thread.</summary>
internal sealed class LocalPieces(TrialTraining training, int atOnce) : IMemberPieces
{
    public int AtOnce => atOnce;

    public Task<TrialScore> Train(MemberPiece piece, CancellationToken interruption)
    {
        var watch = Stopwatch.StartNew();
        try
        {
            using var agent = training.Load(piece.From, piece.Member.Settings);
            piece.Training.Train(agent, interruption);
            var score = training.Judge(agent, piece.Episodes, null, interruption);
            agent.Save(piece.To);
            return Task.FromResult<TrialScore>(new(score, null, watch.Elapsed.TotalSeconds));
        }
        catch (Exception error) when (TrainingPiece.IsOfOptions(error))
        {
            // Options that do not learn are a bad member, which will copy a better one, and no end of the population.
            return Task.FromResult<TrialScore>(
                new(double.NaN, error.Message.ReplaceLineEndings(" "), watch.Elapsed.TotalSeconds));
        }
    }
}

/// <summary>The files of a population's members: one for each after each generation, of which the last two are
/// kept.</summary>
internal sealed class MemberFiles(string folder)
{
    /// <summary>The file of a member after a generation; −1 for before all.</summary>
    public string Of(int generation, int member) => Path.Combine(
        folder, string.Create(CultureInfo.InvariantCulture, $"generation-{generation + 1}-member-{member}.rl"));

    /// <summary>Deletes what nobody goes on from any more.</summary>
    public void Forget(int generation, int members)
    {
        for (var member = 0; member < members; member++)
        {
            File.Delete(Of(generation, member));
        }
    }
}
