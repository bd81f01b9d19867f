/// Learning from steps that copies take and remember in workers: draws from all memories as from one.
namespace Rl.Core.Distributed

open System
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning

/// A learner from replayed steps whose memory lies in workers (Horgan et al., "Distributed prioritized experience
/// replay", 2018). Copies take `TrainFrequency` steps by the newest policy, their workers remember them and give them
/// their first priorities; then updates learn from draws by the priorities of all.
[<RequireQualifiedAccess>]
module internal ShardedLearner =

    /// Updates whose draws are asked for together: priorities are at most so many updates old, as in the paper.
    [<Literal>]
    let Together = 16

    let private refuse (extras: OffPolicyExtras) (options: OffPolicyOptions) (parts: OffPolicyParts) =
        let fail reason =
            Guard.fail
                "environment"
                $"Copies that remember in other processes cannot act for {parts.Algorithm}: {reason}. Train it in one \
                  process."

        if extras.Sequences.IsSome || parts.Actor.StateSize > 0 then
            fail "it learns from sequences of steps, and memories give single ones"

        if extras.Companion.IsSome then fail "it learns from its whole memory besides"

        if options.HindsightGoals > 0 then
            Guard.fail
                (nameof options.HindsightGoals)
                ($"HindsightGoals is {options.HindsightGoals}; in a cluster it must be 0, since memories in workers "
                 + "give steps with the goals that they had. Leave it out, or train in one process.")

    /// What drawn rows are scaled by.
    let private scaleOf (options: OffPolicyOptions) =
        if options.PriorityExponent = 0.0 then
            WeightScale.Ones
        else
            Priority.defaults.Weights

    /// Binds an algorithm's parts to copies elsewhere: `environment` stands for them, `inner` tells what they offer,
    /// and `acted` is told of the memories once their copies have acted.
    let create
        (carrier: IMemoryCarrier)
        (contract: ShareContract)
        (environment: BatchEnvironment)
        (inner: BatchEnvironment)
        (acted: MemoryShards -> unit)
        (extras: OffPolicyExtras)
        (options: OffPolicyOptions)
        (parts: OffPolicyParts)
        (workers: Workers)
        : Learner =
        refuse extras options parts
        OffPolicyOptions.validate options
        let copies = environment.Count
        let place = { First = 0; Copies = copies }
        let here = Replayed.interactionOf extras options parts parts.Layout inner place workers
        let draws = ReplayDraws(extras, options, parts.NormaliseObservations, here, inner)
        let columns = MemoryShard.ColumnsOf draws
        let samples = draws.Samples
        let weights = samples[DrawnColumns.weights]
        let isPrioritised = options.PriorityExponent > 0.0
        let scale = scaleOf options
        let updates, alternations = Replayed.updatesOf options copies, Replayed.alternationsOf options copies
        let returns = if extras.NormalisesRewards then ValueSome options.Discount else ValueNone
        let records = StepRecords(copies, options.TrainFrequency, parts.NormaliseObservations, returns)
        let observed = if parts.NormaliseObservations then here.Columns.Observations.Numbers else 0
        let correction steps = RateSchedule.after parts.TotalSteps steps options.ImportanceExponent

        let plan = { Contract = contract; Algorithm = parts.Algorithm; Options = parts.Options; Copies = copies }

        let description = lazy (MemoryFormat.writeDescription plan)

        // The memories, and the environments of the state that they go on from.
        let mutable present: struct (MemoryShards * BatchSnapshot) voption = ValueNone

        let shardsFrom (state: TrainingState) : MemoryShards =
            match present with
            | ValueSome(struct (shards, left)) when obj.ReferenceEquals(left, state.Environments) -> shards
            | _ ->
                present |> ValueOption.iter (fun (struct (others, _)) -> others.Stop())
                MemoryShards(carrier, description.Value, plan, options, columns, observed, state)

        /// By what workers reckon first priorities.
        let judge (state: TrainingState) : MemoryJudge voption =
            if isPrioritised then
                let draft = Draft state
                parts.Store draft
                // What is learned next is written to other arrays.
                let isRead (name, _) = name <> ArrayNames.ExplorationNoise && not (UpdateSource.isVariable name)

                ValueSome
                    {
                        Parameters = Array.copy draft.CurrentTheta
                        Arrays =
                            parts.Arrays
                            |> List.filter isRead
                            |> List.map (fun (name, _) -> name, Array.copy (draft.Current name))
                    }
            else
                ValueNone

        /// Draws the batches of some updates: the rows, with the generator that follows; none where all memories are
        /// empty.
        let rec draw (shards: MemoryShards) (batches: int) (key: Rng) : struct (DrawnRows voption * Rng) =
            shards.Settle()
            let masses = shards.Masses
            let total = SeveralMemories.total masses

            if not (total > 0.0) then
                struct (ValueNone, key)
            else
                let mutable key = key

                let uniforms =
                    Array.init (batches * draws.Size) (fun _ ->
                        let struct (uniform, next) = Rng.uniform key
                        key <- next
                        uniform)

                let isStratified = isPrioritised && Priority.defaults.IsStratified

                match shards.Draw(SeveralMemories.points isStratified draws.Size total uniforms, masses) with
                | ValueSome rows -> struct (ValueSome rows, key)
                // A memory was lost: the others are all there is.
                | ValueNone -> draw shards batches key

        /// Some updates, each from its batch of the rows.
        let learnFrom (shards: MemoryShards) (rows: DrawnRows) steps batches (key: Rng) =
            let mutable key = key

            for batch in 0 .. batches - 1 do
                let start = batch * draws.Size

                for row in 0 .. draws.Size - 1 do
                    rows.Write (start + row) row

                let powers = Array.sub rows.Powers start draws.Size
                Priority.weigh scale (float rows.Held) rows.Total (correction steps) (Span powers)

                for row in 0 .. draws.Size - 1 do
                    weights[row] <- float32 powers[row]

                draws.Normalise(records.Statistics, records.RewardScale)
                key <- parts.Learn samples steps key

                if isPrioritised then
                    let errors = parts.Errors().Span
                    Guard.finiteSpan "errors" errors

                    for row in 0 .. draws.Size - 1 do
                        shards.Learned(rows, start + row, errors[row])

            key

        /// A policy for copies to act by, of which nothing is written to any more.
        let policyOf (state: TrainingState) (steps: int64) : MemoryAct =
            let seen = records.Statistics

            {
                Start = ValueNone
                Steps = steps
                Acting = parts.Policy().ToArray()
                Observations =
                    { seen with Mean = Array.copy seen.Mean; SquaredDeviation = Array.copy seen.SquaredDeviation }
                RewardScale = records.RewardScale
                Noise = [||]
                Judge = judge state
            }

        let learnOn (shards: MemoryShards) (state: TrainingState) =
            let draft = Draft state
            parts.Load draft
            records.Begin state
            let mutable steps, key, count = state.Steps, state.Key, 0
            let mutable lags, largestLag = 0.0, 0

            for _ in 1..alternations do
                let before = steps / int64 copies

                let policy = policyOf state steps

                let rows =
                    if shards.Lead = 0 then
                        shards.Act policy
                    else
                        shards.Publish policy
                        let struct (rows, mean, largest) = shards.TakeTurn()
                        lags <- lags + mean
                        largestLag <- max largestLag largest
                        rows

                steps <- steps + int64 (options.TrainFrequency * copies)
                records.Add rows
                parts.Stepped before (steps / int64 copies)
                let isReady = steps > int64 options.LearningStarts
                let mutable left = updates

                while left > 0 && isReady && shards.Count >= min options.LearningStarts shards.Capacity do
                    let batches = min left Together

                    match draw shards batches key with
                    | struct (ValueSome rows, next) ->
                        key <- learnFrom shards rows steps batches next
                        left <- left - batches
                        count <- count + batches
                    | struct (ValueNone, next) ->
                        key <- next
                        left <- 0

            acted shards
            parts.Store draft
            let learned = shards.End(draft.Onto(records.End state))

            let next =
                { learned with
                    Steps = steps
                    Key = key
                    Updates = state.Updates + 1L
                    // What was remembered here before stays, and does not go on.
                    Replay =
                        state.Replay |> Option.map (fun kept -> if kept.Count > 0 then Replay.interrupt kept else kept)
                }

            present <- ValueSome(struct (shards, next.Environments))

            let metrics =
                [|
                    yield! parts.Metrics next.Steps
                    struct ("gradientSteps", float count)
                    struct ("remembered", float shards.Count)
                    if isPrioritised then struct ("priorityCorrection", correction next.Steps)
                    struct ("memories", float shards.Shards)
                    struct ("lostSteps", float shards.Lost)
                    if shards.Lead > 0 then
                        struct ("lag", lags / float alternations)
                        struct ("largestLag", float largestLag)
                |]

            let report = { Steps = steps; Updates = next.Updates; Episodes = records.Episodes; Metrics = metrics }
            struct (next, report)

        let learn (state: TrainingState) () =
            let shards = shardsFrom state
            present <- ValueNone

            try
                learnOn shards state
            with _ ->
                shards.Stop()
                reraise ()

        Learner.ofFunctions
            {
                Algorithm = parts.Algorithm
                Environment = environment
                Network = parts.Actor
                Options = parts.Options
                TotalSteps = parts.TotalSteps
                Arrays =
                    [
                        yield! parts.Arrays
                        match draws.PrioritiesOf options.BufferSize with
                        | ValueSome priorities -> Priorities<float32>.Name, priorities.Initial
                        | ValueNone -> ()
                    ]
                Start =
                    Replayed.start
                        extras
                        parts
                        parts.Layout
                        environment
                        (Replay.ofPlan here.Plan copies options.BufferSize)
                Collect = ignore
                Learn = learn
            }
