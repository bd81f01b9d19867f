/// A discriminator as the judge of a policy's rollouts: it learns to tell them from recorded behaviour, and what it
/// cannot tell is paid for.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Kernels
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

[<RequireQualifiedAccess>]
module internal Discriminator =

    /// The array of its parameters.
    [<Literal>]
    let Group = "discriminator"

    let private number name = Column.number name

    /// What one side of a batch is made of: the columns of the expert's rows, or the policy's.
    type private Side =
        { Observations: Column; Actions: Column; Next: Column; Continues: Column; LogProbabilities: Column }

    let private side (networks: DiscriminatorNetworks) (who: string) : Side =
        {
            Observations = Column.step $"{who}Observations" networks.Observed
            Actions = Column.step $"{who}Actions" networks.Acted
            Next = Column.step $"{who}Next" networks.Observed
            Continues = number $"{who}Continues"
            LogProbabilities = number $"{who}LogProbabilities"
        }

    let private mix = number "mix"
    let private seen (network: ActorCritic) = Column.step "expertSeen" (ActorCritic.inputs network)
    let private taken (network: ActorCritic) = Column.step "expertTaken" network.Head.ActionSize

    /// The rate of an option.
    let private learningRate (c: DiscriminatorOptions) =
        Rate.create (nameof c.DiscriminatorLearningRate) c.DiscriminatorLearningRate

    /// The terms of a batch of as many steps of the expert as of the policy.
    let private loss
        (c: DiscriminatorOptions)
        (networks: DiscriminatorNetworks)
        (network: ActorCritic)
        (expert: Side)
        (policy: Side)
        (batch: Batch)
        : Term list =
        let parameters = batch.Parameters Group

        let advantage (own: Side) =
            DiscriminatorNetworks.advantage
                networks
                parameters
                batch[own.Observations]
                batch[own.Actions]
                batch[own.Next]
                batch[own.Continues]

        let struct (expertLogits, policyLogits) =
            match networks.Form with
            | DiscriminatorForm.Plain _ -> struct (advantage expert, advantage policy)
            | DiscriminatorForm.Shaped _ ->
                let group = if batch.HasGroup "actor" then "actor" else "network"
                let output = ActorCritic.actor network (batch.Parameters group) batch[seen network]
                let struct (ofExpert, _) = Policy.evaluate network.Head output batch[taken network]
                let ofExpert = Expr.stopGradient ofExpert
                struct (advantage expert - ofExpert, advantage policy - batch[policy.LogProbabilities])

        let struct (onExpert, onPolicy) = Regression.gailDiscriminator expertLogits policyLogits

        let inputs (own: Side) =
            DiscriminatorNetworks.inputs networks batch[own.Observations] batch[own.Actions] batch[own.Next]

        [
            Term.mean "discriminatorLoss" 1.0 (0.5 * (onExpert + onPolicy))
            Term.report "expertAccuracy" (Discriminators.isRight true expertLogits)
            Term.report "policyAccuracy" (Discriminators.isRight false policyLogits)

            if c.GradientPenalty > 0.0 then
                let share = Expr.expandAxis -1 batch[mix]
                let between = share * inputs expert + (1.0 - share) * inputs policy
                let logits x = DiscriminatorNetworks.ofInputs networks parameters x
                Term.mean "gradientPenalty" c.GradientPenalty (Discriminators.gradientPenalty 1.0 logits between)
        ]

    /// A discriminator of a form that learns from recorded steps, which the state's replay holds.
    let judge
        (algorithm: string)
        (form: DiscriminatorForm)
        (c: DiscriminatorOptions)
        (plan: PlanOptions)
        (steps: int)
        (environment: BatchEnvironment)
        (workers: Workers)
        (network: ActorCritic)
        : RolloutJudge =
        let observationSpace, actionSpace = environment.ObservationSpace, environment.ActionSpace
        let networks = DiscriminatorNetworks.create form c observationSpace actionSpace
        let copies = environment.Count
        let size, samples = c.DiscriminatorBatchSize, steps * copies
        let expert, policy = side networks "expert", side networks "policy"
        let known = LearnerData(algorithm, observationSpace, actionSpace)
        let columns = RecordedReplay.columns observationSpace actionSpace
        let demonstrations = TransitionBatch(columns, [], size, 1, 1.0)
        let nextObservations = Array.zeroCreate<float32>(samples * networks.Observed)
        let map = network.Actor.Actions

        let ofExpert, ofRollout =
            DiscriminatorView(environment, map, size), DiscriminatorView(environment, map, samples)

        let rate = learningRate c
        let isShaped = form.IsShaped

        let update =
            let adam = Optimiser.adam (Rate.stepSize rate) 1e-8

            let own = ParameterGroup.target Group networks.Layout (GroupMotion.Learns("discriminatorOptimiser", adam))

            Update.create
                {
                    Name = "discriminator step"
                    Groups = [ own; if isShaped then yield! ParameterGroup.ofNetwork network GroupMotion.Stays ]
                    Shape = SampleShape.steps size
                    MaxGradientNorm = 0.0
                    Loss = loss c networks network expert policy
                }

        let memory (column: Column) = column, Array.zeroCreate<float32>(size * column.Numbers)

        let ofPolicy =
            [ policy.Observations; policy.Actions; policy.Next; policy.Continues; policy.LogProbabilities ]
            |> List.map memory

        let mixes, looked = memory mix, memory (seen network)

        let data =
            Samples.OfRollout(
                1,
                [
                    expert.Observations, ofExpert.Observations
                    expert.Actions, ofExpert.Actions
                    expert.Next, ofExpert.NextObservations
                    expert.Continues, demonstrations.Samples[columns.Continues]
                    yield! ofPolicy
                    mixes
                    looked
                    taken network, demonstrations.Samples[columns.Actions]
                ]
            )

        let continues = Array.zeroCreate<float32> samples

        // Rewards of so many rows at a time; the last may begin before the others end.
        let rows = min samples 1024

        let rewardProgram =
            let input name width = Expr.input name [| rows; width |]
            let parameters = Parameters.create networks.Layout (Expr.input Group [| networks.Layout.Count |])

            Program.ofOutputs<float32>
                [
                    "rewards",
                    DiscriminatorNetworks.reward
                        networks
                        parameters
                        (input "observations" networks.Observed)
                        (input "actions" networks.Acted)
                        (input "next" networks.Observed)
                        (Expr.input "continues" [| rows |])
                ]

        let setRows name (values: float32[]) width first =
            if rewardProgram.HasInput name then
                rewardProgram.Set(name, ReadOnlySpan(values, first * width, rows * width))

        let rewardsOf (parameters: float32[]) (rewards: float32[]) =
            rewardProgram.Set(Group, ReadOnlySpan parameters)
            let mutable start = 0

            while start < samples do
                let first = min start (samples - rows)
                setRows "observations" ofRollout.Observations networks.Observed first
                setRows "actions" ofRollout.Actions networks.Acted first
                setRows "next" ofRollout.NextObservations networks.Observed first
                setRows "continues" continues 1 first
                rewardProgram.Run()
                (rewardProgram.OutputMemory "rewards").Span.CopyTo(Span(rewards, first, rows))
                start <- start + rows

        let rewards = Array.zeroCreate<float32> samples
        let drawn = Array.zeroCreate<int> size
        let mutable statistics: struct (Replay * RunningStatistics) voption = ValueNone

        let statisticsOf (replay: Replay) =
            match statistics with
            | ValueSome(struct (last, found)) when obj.ReferenceEquals(last, replay) -> found
            | _ ->
                let found = RecordedReplay.observationStatistics columns replay
                statistics <- ValueSome(struct (replay, found))
                found

        /// Draws as many steps of the policy as of the expert.
        let draw (own: RunningStatistics) (state: TrainingState) (replay: Replay) (rollout: Rollout) (key: Rng) : Rng =
            let mutable key = demonstrations.Draw(replay, key)
            let shown = demonstrations.Samples[columns.Observations]

            // As the policy saw them; then as the discriminator does.
            Encoding.normalise state.Observations Encoding.Limit (ReadOnlySpan shown) (Span(snd looked))
            let acted = demonstrations.Samples[columns.Actions]
            ofExpert.Fill(own, shown, acted, demonstrations.Samples[columns.NextObservations])

            for index in 0 .. size - 1 do
                let struct (row, next) = Rng.below samples key
                drawn[index] <- row
                let struct (share, next) = Rng.uniform next
                (snd mixes)[index] <- float32 share
                key <- next

            let sources =
                [
                    ofRollout.Observations
                    ofRollout.Actions
                    ofRollout.NextObservations
                    continues
                    rollout.LogProbabilities
                ]

            List.iter2
                (fun (column: Column, target: float32[]) (source: float32[]) ->
                    Rows.gather (ReadOnlySpan source, column.Numbers, ReadOnlySpan drawn, Span target))
                ofPolicy
                sources

            key

        let judge (draft: Draft) (state: TrainingState) (rollout: Rollout) : Verdict =
            let struct (replay, noted) = known.Adopt(state, false)
            let own = statisticsOf replay

            let shown =
                if rollout.RawObservations.Length > 0 then
                    rollout.RawObservations
                else
                    rollout.Observations

            ofRollout.Fill(own, shown, rollout.Actions, nextObservations)

            for index in 0 .. samples - 1 do
                continues[index] <- if rollout.Terminated[index] then 0.0f else 1.0f

            (noted.Array LearnerData.Name).CopyTo(draft.Array LearnerData.Name, 0)
            update.Load draft
            Rate.set plan state.Steps [ rate ] [ update ]
            let reported = [ "discriminatorLoss"; "expertAccuracy"; "policyAccuracy" ]
            let means = Means(update, reported)
            let mutable key = state.Key

            for _ in 1 .. c.DiscriminatorSteps do
                key <- draw own state replay rollout key
                update.ChooseAll data
                update.Run workers
                means.Add()

            update.Store draft
            rewardsOf (draft.Array Group) rewards

            if isShaped then
                for index in 0 .. samples - 1 do
                    rewards[index] <- rewards[index] - rollout.LogProbabilities[index]

            {
                Rewards = rewards
                Metrics =
                    [|
                        yield! means.All
                        struct ("imitationReward", rewards |> Array.averageBy float)
                        yield! Rate.metrics plan state.Steps [ rate ]
                    |]
                Key = key
            }

        let start (plain: StateStart) : StateStart =
            { plain with
                Initialise =
                    fun arrays key ->
                        let state = plain.Initialise arrays key
                        let struct (own, next) = Rng.split state.Key
                        let struct (parameters, _) = Layout.initialise own networks.Layout
                        let arrays = NamedArrays.replace Group (Array.map float32 parameters) state.Arrays
                        { state with Arrays = arrays; Key = next }
            }

        {
            Arrays = update.Arrays @ [ LearnerData.Name, LearnerData.Initial ]
            Start = start
            Around = fun share sink -> NextObservationSink(share, sink, copies, nextObservations)
            Judge = judge
        }
