/// The contract of environments with goals: a step pays what the goals that it led to are worth.
namespace Rl.Core.Environments

open System

[<RequireQualifiedAccess>]
module internal GoalContract =

    /// Advice where observations have goals of which nothing tells the rewards.
    let checkDeclaration (findings: Findings) (batch: BatchEnvironment) =
        if
            batch.Wrappers.IsEmpty
            && Result.isError batch.Goals
            && Result.isOk (GoalSpace.tryOfSpace batch.ObservationSpace)
        then
            findings.Advice(
                ContractRule.Goals,
                "silent",
                "declaration",
                "observations have goals, but nothing says what they are worth, so that hindsight cannot use them.",
                "Let the environment be an IGoalEnvironment: ComputeReward for any achieved and desired goal."
            )

    /// Compares what a copy was paid with what its goals are worth.
    let private compare
        (findings: Findings)
        (task: GoalTask)
        (place: string)
        (paid: float)
        (isTerminated: bool)
        (achieved: float32[])
        (desired: float32[])
        =
        let complain key problem remedy = findings.Violation(ContractRule.Goals, key, place, problem, remedy)

        try
            let worth = float (task.Reward.Invoke(ReadOnlySpan achieved, ReadOnlySpan desired))
            let isEnd = task.Terminates.Invoke(ReadOnlySpan achieved, ReadOnlySpan desired)
            // What hindsight asks for.
            task.Reward.Invoke(ReadOnlySpan achieved, ReadOnlySpan achieved) |> ignore

            if abs (worth - paid) > 1e-5 * (1.0 + abs paid) then
                complain
                    "reward"
                    $"the step paid {paid}, but ComputeReward of the goals that it led to is {worth}."
                    "Let Step pay ComputeReward of the two goals in the observation that it returns."

            if isEnd && not isTerminated then
                complain
                    "terminated"
                    "ComputeTerminated is true of the goals that the step led to, and it did not terminate the episode."
                    "Let both say the same, and ComputeTerminated always false where a success ends nothing."
        with :? EnvironmentFailure as failure ->
            complain
                "failure"
                failure.Message
                "Let ComputeReward and ComputeTerminated answer for any two goals, with a finite reward."

    /// Requires of each copy's step that it paid what the goals which it led to are worth, and that what they are worth
    /// when the desired one was achieved is finite.
    let checkStep (findings: Findings) (batch: BatchEnvironment) (place: string) (buffers: StepBuffers) =
        match batch.Goals with
        | Error _ -> ()
        | Ok task ->
            let encoded = Array.zeroCreate<float32>(Space.encodedSize batch.ObservationSpace)

            for copy in 0 .. batch.Count - 1 do
                let terminated = buffers.Terminated.Span[copy]
                let hasEnded = terminated || buffers.Truncated.Span[copy]
                let rows = if hasEnded then buffers.FinalObservations else buffers.Observations
                let row = rows.Span.Slice(copy * batch.ObservationSize, batch.ObservationSize)
                let paid = float buffers.Rewards.Span[copy]

                // Observations outside their space and rewards that are not finite are findings of their own.
                if batch.ObservationSpace.Contains(Span.op_Implicit row) && Double.IsFinite paid then
                    Space.encode batch.ObservationSpace (Span.op_Implicit row) (Span encoded)
                    let achieved = Array.sub encoded task.Space.Achieved task.Space.Size
                    let desired = Array.sub encoded task.Space.Desired task.Space.Size
                    compare findings task $"{place}, copy {copy}" paid terminated achieved desired
