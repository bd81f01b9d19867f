/// The contract: every registered environment keeps it, and each kind of broken environment is found.
[<FsCheck.Xunit.Properties(Replay = "(4719111,4719113)")>]
module Rl.Tests.Environments.ContractTests

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Xunit
open FsCheck.Xunit
open Rl.Tests.Environments.FaultyEnvironments

let private options = { Environment.contractDefaults with Steps = 60 }
let private rules (findings: ContractFinding list) = findings |> List.map _.Rule |> List.distinct

let private check (fault: Fault) =
    let environment =
        match fault with
        | Fault.EmptyMask
        | Fault.UnwrittenMask -> FaultyMasks fault :> Faulty
        | Fault.KernelDiffers -> FaultyKernel fault
        | Fault.InPlaceDiffers -> FaultyInPlace fault
        | _ -> Faulty fault

    Environment.checkContract options environment

[<Fact>]
let ``an environment without a fault has no findings, with masks, kernels and steps in place too`` () =
    Assert.Empty(check Fault.None)
    Assert.Empty(Environment.checkContract options (FaultyMasks Fault.None))
    Assert.Empty(Environment.checkContract options (FaultyKernel Fault.None))
    Assert.Empty(Environment.checkContract options (FaultyInPlace Fault.None))

[<Theory>]
[<InlineData(Fault.NanObservation, ContractRule.Observations, "is NaN")>]
[<InlineData(Fault.ObservationOutside, ContractRule.Observations, "11, outside Box")>]
[<InlineData(Fault.UnwrittenObservation, ContractRule.Observations, "component 1 of the observation is not written")>]
[<InlineData(Fault.InfiniteReward, ContractRule.Rewards, "the reward is")>]
[<InlineData(Fault.HiddenCounter, ContractRule.Cloning, "another result")>]
[<InlineData(Fault.HiddenCounter, ContractRule.Reproducibility, "second time")>]
[<InlineData(Fault.HiddenRandomness, ContractRule.Cloning, "another result")>]
[<InlineData(Fault.AcceptsWrongAction, ContractRule.Actions, "action 2 is accepted")>]
[<InlineData(Fault.WrongException, ContractRule.Actions, "NullReferenceException")>]
[<InlineData(Fault.RefusesBeyondBox, ContractRule.Actions, "beyond the box")>]
[<InlineData(Fault.TerminalAccepted, ContractRule.TerminalStates, "is accepted")>]
[<InlineData(Fault.TerminalThrowsOther, ContractRule.TerminalStates, "IndexOutOfRangeException")>]
[<InlineData(Fault.BothEnds, ContractRule.Truncation, "both terminated and truncated")>]
[<InlineData(Fault.OwnTruncation, ContractRule.Truncation, "truncated after 2 steps, but the limit is 20 steps")>]
[<InlineData(Fault.EmptyMask, ContractRule.ActionMasks, "none of the choices 0 to 1")>]
[<InlineData(Fault.UnwrittenMask, ContractRule.ActionMasks, "not written completely")>]
[<InlineData(Fault.RenderChanges, ContractRule.Rendering, "after rendering")>]
[<InlineData(Fault.RenderThrows, ContractRule.Exceptions, "no canvas")>]
[<InlineData(Fault.RenderEmpty, ContractRule.Rendering, "0 x 10")>]
[<InlineData(Fault.RenderDiffers, ContractRule.Rendering, "two pictures")>]
[<InlineData(Fault.RenderNothing, ContractRule.Rendering, "shows nothing")>]
[<InlineData(Fault.StepThrows, ContractRule.Exceptions, "the motor is on fire")>]
[<InlineData(Fault.ResetThrows, ContractRule.Exceptions, "cannot start")>]
[<InlineData(Fault.NegativeLimit, ContractRule.Declaration, "MaxEpisodeSteps is -1")>]
[<InlineData(Fault.SpaceThrows, ContractRule.Exceptions, "no space today")>]
[<InlineData(Fault.KernelDiffers, ContractRule.Batches, "at once give other numbers")>]
[<InlineData(Fault.InPlaceDiffers, ContractRule.Cloning, "in place")>]
let ``each fault is found, named and nothing throws`` (fault: Fault) (rule: ContractRule) (fragment: string) =
    let findings = check fault
    let text = String.Join("\n", findings)

    Assert.True(
        findings |> List.exists (fun finding -> finding.Rule = rule && finding.Problem.Contains fragment),
        $"{fault} should be {rule} with \"{fragment}\":\n{text}"
    )

    for finding in findings do
        Assert.NotEmpty finding.Place
        Assert.NotEmpty finding.Remedy
        Assert.True(finding.Occurrences >= 1)

[<Fact>]
let ``terminal states that are stepped and truncations of one's own are advice; violations come first`` () =
    let advice fault = check fault |> List.filter _.IsAdvice |> rules
    Assert.Equal<ContractRule list>([ ContractRule.TerminalStates ], advice Fault.TerminalAccepted)
    Assert.Equal<ContractRule list>([ ContractRule.Truncation ], advice Fault.OwnTruncation)
    Assert.True(check Fault.NanObservation |> List.forall (fun finding -> not finding.IsAdvice))

[<Fact>]
let ``what is seen often is one finding with its first place`` () =
    let finding =
        check Fault.ObservationOutside
        |> List.find (fun finding -> finding.Rule = ContractRule.Observations)

    Assert.Equal("episode 1, step 2", finding.Place)
    Assert.True(finding.Occurrences > 3)
    Assert.StartsWith("violation, Observations, episode 1, step 2: component 0", string finding)

[<Fact>]
let ``options without steps or copies are refused`` () =
    for options in [ { options with Steps = 0 }; { options with Copies = 0 } ] do
        Assert.Throws<ArgumentOutOfRangeException>(fun () ->
            Environment.checkContract options (Faulty Fault.None) |> ignore)
        |> ignore

/// How long a walk is: robots are dear, and their walks are short.
let private stepsOf (id: string) (steps: int) =
    if id.StartsWith "Humanoid" || id.StartsWith "Ant" || id.StartsWith "Terrain" then
        steps / 8
    elif RegistryCases.isRobot id then
        steps / 4
    else
        steps

[<Property(MaxTest = 3)>]
let ``every registered environment keeps the contract`` (seed: uint64) =
    for id in RegistryCases.oneIn 2 seed do
        let findings = Environment.check { options with Seed = seed; Steps = stepsOf id 120 } (Registry.make id)
        let text = String.Join("\n", findings)
        Assert.True(findings.IsEmpty, $"{id}:\n{text}")

/// Values that differ from the defaults of the keywords that are numbers or free texts, and what they need to have an
/// effect.
let private otherValues: Map<string, (string * KeywordValue) list> =
    let random = "map_name", KeywordValue.Text "random"
    let windy = "enable_wind", KeywordValue.Flag true

    Map.ofList
        [
            for name, value, needs in
                [
                    "g", 9.81, []
                    "goal_velocity", 0.01, []
                    "torque_noise_max", 0.5, []
                    "gravity", -11.5, []
                    "wind_power", 20.0, [ windy ]
                    "turbulence_power", 2.0, [ windy; "continuous", KeywordValue.Flag true ]
                    "sticky_action_prob", 0.0, []
                    "success_rate", 0.8, []
                    "map_size", 5.0, [ random; "is_slippery", KeywordValue.Flag false ]
                    "map_frozen", 0.6, [ random ]
                    "map_seed", 7.0, [ random ]
                    "arms", 3.0, []
                    "noise", 0.1, []
                    "problem", 4.0, []
                    "slip", 0.0, []
                    "height", 3.0, []
                    "width", 7.0, []
                    "bits", 6.0, []
                    "tolerance", 0.5, []
                    "waypoints", 3.0, []
                    "frame_skip", 1.0, []
                    "forward_reward_weight", 2.0, []
                    "ctrl_cost_weight", 0.2, []
                    "contact_cost_weight", 0.001, []
                    "healthy_reward", 3.0, []
                    "reset_noise_scale", 0.02, []
                    "reward_near_weight", 2.0, []
                    "reward_dist_weight", 3.0, []
                    "reward_control_weight", 0.3, []
                    "uph_cost_weight", 2.0, []
                    "impact_cost_weight", 0.001, []
                    "upright_reward_weight", 0.7, []
                    "difficulty", 0.9, []
                ] do
                name, (name, KeywordValue.Number value) :: needs
            "desc", [ "desc", KeywordValue.Text "SFFF/FHFG" ]
            "reward_schedule", [ "reward_schedule", KeywordValue.Text "10,-1,-0.1" ]
            "healthy_z_range", [ "healthy_z_range", KeywordValue.Text "0.3, inf" ]
            "healthy_angle_range", [ "healthy_angle_range", KeywordValue.Text "-0.5, 0.5" ]
            "healthy_state_range", [ "healthy_state_range", KeywordValue.Text "(-50, 50)" ]
            "contact_force_range", [ "contact_force_range", KeywordValue.Text "-2, 2" ]
            "contact_cost_range", [ "contact_cost_range", KeywordValue.Text "-inf, 0.1" ]
            "impact_cost_range", [ "impact_cost_range", KeywordValue.Text "-inf, 0.1" ]
            "main_body", [ "main_body", KeywordValue.Text "aux_1" ]
        ]

/// Every keyword of an entry with every other choice, the other flag, or another value; and all flags turned at once.
let private variants (entry: RegistryEntry) : (string * KeywordValue) list list =
    let flags =
        [
            for keyword in entry.Keywords do
                match keyword.Default with
                | KeywordValue.Flag value -> yield keyword.Name, KeywordValue.Flag(not value)
                | _ -> ()
        ]

    [
        for keyword in entry.Keywords do
            match keyword.Default with
            | KeywordValue.Flag value -> yield [ keyword.Name, KeywordValue.Flag(not value) ]
            | KeywordValue.Text value when not keyword.Choices.IsEmpty ->
                for choice in keyword.Choices do
                    if choice <> value then yield [ keyword.Name, KeywordValue.Text choice ]
            | _ -> yield otherValues[keyword.Name]
        if flags.Length > 1 then yield flags
    ]

/// Whether a robot's newer version has the same keywords: they are looked at there.
let private isOfNewer (entry: RegistryEntry) (keywords: (string * KeywordValue) list) =
    let newer (other: RegistryEntry) =
        entry.Id.EndsWith "-v4"
        && other.Id = entry.Id.Replace("-v4", "-v5")
        && keywords
           |> List.forall (fun (name, _) -> other.Keywords |> List.exists (fun keyword -> keyword.Name = name))

    RegistryCases.isRobot entry.Id && Registry.entries |> List.exists newer

[<Fact>]
let ``every keyword of every environment gives another environment, which keeps the contract`` () =
    let mutable count = 0

    for entry in Registry.entries do
        for keywords in variants entry |> List.filter (isOfNewer entry >> not) do
            let environment = Registry.makeWith keywords entry.Id
            let findings = Environment.check { options with Seed = 5UL; Steps = stepsOf entry.Id 80 } environment
            let given = String.Join(", ", keywords |> List.map (fun (name, value) -> $"{name} = {value}"))
            let text = String.Join("\n", findings)
            Assert.True(findings.IsEmpty, $"{entry.Id} with {given}:\n{text}")
            count <- count + 1

    Assert.InRange(count, 80, 1000)

[<Fact>]
let ``every registered environment can be looked at`` () =
    for id in Registry.ids do
        let batch = (Registry.make id).Vectorise 1
        batch.Reset(Rng.create 1UL)
        let scene = batch.Render 0
        Assert.True(scene.IsSome && not scene.Value.Figures.IsEmpty, id)

/// A user's mutable environment with a fault of its own.
type private Mutable(fault: Fault) =
    let environment = Faulty(Fault.None) :> IEnvironment<FaultyState>
    let mutable state = Unchecked.defaultof<FaultyState>
    let mutable episodes = 0

    interface IMutableEnvironment with
        member _.ObservationSpace = environment.ObservationSpace
        member _.ActionSpace = environment.ActionSpace
        member _.MaxEpisodeSteps = 20

        member _.Reset(seed, observation) =
            episodes <- episodes + 1

            let struct (first, _) =
                environment.Reset(Rng.create (if fault = Fault.HiddenCounter then uint64 episodes else seed))

            state <- first
            environment.Observe(state, observation)

        member _.Step(action, observation) =
            if fault = Fault.StepThrows && state.Steps = 2 then
                failwith "the motor is on fire"

            let struct (next, outcome, _) = environment.Step(state, action, Rng.create 0UL)
            state <- next
            environment.Observe(state, observation)
            if fault = Fault.NanObservation && next.Steps = 2 then observation[1] <- nanf

            if fault = Fault.InfiniteReward && next.Steps = 2 then
                { outcome with Reward = nan }
            else
                outcome

let private checkMutable fault =
    Environment.checkBatch options (fun count ->
        External("Mutable", nan, count, fun _ -> Mutable fault :> IMutableEnvironment))

[<Fact>]
let ``users' mutable environments are checked through their batches`` () =
    Assert.Empty(checkMutable Fault.None)

    let expect fault rule (fragment: string) =
        let findings = checkMutable fault

        Assert.True(
            findings |> List.exists (fun finding -> finding.Rule = rule && finding.Problem.Contains fragment),
            String.Join("\n", findings)
        )

    expect Fault.StepThrows ContractRule.Exceptions "the motor is on fire"
    expect Fault.NanObservation ContractRule.Observations "component 1 is NaN"
    expect Fault.InfiniteReward ContractRule.Rewards "reward NaN"
    expect Fault.HiddenCounter ContractRule.Reproducibility "same seed"

[<Fact>]
let ``a factory that throws is a finding`` () =
    let findings = Environment.checkBatch options (fun _ -> failwith "no licence")
    Assert.Equal<ContractRule list>([ ContractRule.Exceptions ], rules findings)

/// The number of the day, in numbers of the size `scale`; the action counts nothing.
type private Sized(scale: float, reward: float, high: float) =
    interface IEnvironment<FaultyState> with
        member _.Id = "Sized-v0"
        member _.ObservationSpace = Space.tuple [ Space.discrete 3; Space.unbounded [| 2 |] ]
        member _.ActionSpace = Space.tuple [ Space.discrete 2; Space.box [| 0.0 |] [| high |] [| 1 |] ]
        member _.MaxEpisodeSteps = 9
        member _.RewardThreshold = nan
        member _.Reset(rng) = struct ({ Steps = 0; End = 9 }, rng)

        member _.Step(state, action, rng) =
            if Array.exists Single.IsNaN (action.ToArray()) || action[0] <> 0.0f && action[0] <> 1.0f then
                invalidArg (nameof action) "There is no such action."

            let next = { state with Steps = state.Steps + 1 }
            struct (next, { Reward = reward; Terminated = false; Truncated = next.Steps >= 9 }, rng)

        member _.Observe(state, observation) =
            observation[0] <- 1.0f
            observation[1] <- 0.5f
            observation[2] <- float32 (scale * (1.0 + float state.Steps / 10.0))

let private sized scale reward high = Environment.checkContract options (Sized(scale, reward, high))

[<Fact>]
let ``numbers of order 1 and bounds anywhere need no advice`` () =
    Assert.Empty(sized 1.0 1.0 1.0)
    Assert.Empty(sized -50.0 -100.0 200.0)

[<Fact>]
let ``large observations, large rewards and actions with one bound get advice, which is no violation`` () =
    let only rule scale reward high =
        let finding = Assert.Single(sized scale reward high)
        Assert.True finding.IsAdvice
        Assert.Equal(rule, finding.Rule)
        finding.Problem

    Assert.Equal("component 2 of the observations is of order 1e5.", only ContractRule.Observations -1e5 1.0 1.0)
    Assert.Equal("the rewards are of order 1e4 a step.", only ContractRule.Rewards 1.0 -2e4 1.0)

    Assert.StartsWith("component 1 of the actions has one bound only", only ContractRule.Actions 1.0 1.0 infinity)
