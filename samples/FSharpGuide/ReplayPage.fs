/// The code of the page about replay.
module ReplayPage

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Learning

/// A round of prioritised learning, as a learner has it.
let learn
    (source: TransitionSource)
    (update: Update)
    (state: TrainingState)
    (replayBefore: Replay)
    (replay: Replay)
    (capacity: int)
    (beta: float)
    (errors: float32[])
    (key: Rng)
    =
    // Once: memory for 256 transitions of up to three steps, and priorities for the rows of a replay.
    let batch = TransitionBatch(source.Columns, [], 256, 3, 0.99)
    let priorities = Priorities<float32>(Priority.defaults, capacity)
    // A round: go on from the state, draw, learn, and keep the new priorities.
    priorities.Load(state.Array Priorities<float32>.Name, replayBefore)
    priorities.Append replay
    let key = batch.Draw(replay, priorities, beta, key)
    update.ChooseAll batch.Samples
    priorities.Update(replay, batch.Rows, ReadOnlySpan errors)
    let kept = priorities.Store()
    struct (kept, key)

/// Drawn transitions told again with goals that were reached.
let relabel (batch: BatchEnvironment) (drawn: TransitionBatch) (replay: Replay) (key: Rng) =
    let goals = batch.RequireGoals() // or batch.Goals: Ok, or Error with the reason
    // s': what was reached is s'[Achieved .. Achieved + Size - 1], what was wanted s'[Desired .. Desired + Size - 1].
    let { Achieved = achieved; Desired = desired; Size = size } = goals.Space
    let hindsight = Hindsight(TransitionColumns.ofEnvironment batch, goals, GoalChoice.Future, Hindsight.RatioOf 4)
    let key = hindsight.Relabel(drawn, replay, key)
    struct (achieved, desired, size, key)

/// The goals of a task.
let show () =
    let reach = (Registry.make "PointReach-v0").Vectorise 2
    let goals = reach.RequireGoals()
    printfn $"{goals.Space.Size} numbers of a goal, from number {goals.Space.Desired} of an observation"
