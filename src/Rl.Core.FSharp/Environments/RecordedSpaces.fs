/// The spaces of recorded episodes in the place of an environment: what learners from data are bound to.
namespace Rl.Core.Environments

open System
open Rl.Core.Foundations

/// One copy of nothing: it has spaces and shows zeros, and cannot be stepped. A learner that acts needs an environment.
[<Sealed>]
type RecordedSpaces(observations: Space, actions: Space) =
    inherit BatchEnvironment()

    let refuse what =
        invalidOp (
            $"Recorded data cannot be {what}: only its spaces are known. Give an environment with observations "
            + $"{observations} and actions {actions} beside it."
        )

    /// What files call the environment of agents that have seen data alone.
    static member Name = "RecordedData"
    override _.Id = RecordedSpaces.Name
    override _.Count = 1
    override _.ObservationSpace = observations
    override _.ActionSpace = actions
    override _.ObservationSize = observations.Size
    override _.ActionSize = actions.Size
    override _.MaxEpisodeSteps = 0
    override _.RewardThreshold = nan
    override _.Reset _ = ()
    override _.Observe target = target.Clear()
    override _.Step(_, _, _, _) = refuse "stepped"
    override _.RestoresEpisodes = false

    override _.Capture() =
        {
            EnvironmentId = RecordedSpaces.Name
            Count = 1
            Wrappers = []
            Statistics = []
            Bytes = [||]
            Instances = []
        }

    override this.Restore snapshot =
        if snapshot.EnvironmentId <> this.Id || snapshot.Count <> 1 then
            Guard.fail
                (nameof snapshot)
                ($"The snapshot is of {snapshot.Count} copies of {snapshot.EnvironmentId}; this is recorded data. "
                 + "Give that environment.")
