/// The registry's entries of the robots.
namespace Rl.Core.Environments.Robots

open System
open System.Globalization
open Rl.Core.Foundations
open Rl.Core.Environments

[<RequireQualifiedAccess>]
module internal RobotEntries =

    let private walker (settings: TaskSettings) : WalkerOptions =
        {
            Settings = settings
            ForwardRewardWeight = 1.0
            ControlCostWeight = 0.5
            ContactCostWeight = 5e-4
            ContactRange = { Low = -1.0; High = 1.0 }
            HealthyReward = 1.0
            TerminateWhenUnhealthy = true
            HealthyHeight = { Low = 0.2; High = 1.0 }
            ResetNoiseScale = 0.1
            HidesPlace = true
            SeesInertias = false
            SeesVelocities = false
            SeesActuation = false
            SeesContacts = true
            PaysContacts = true
            PaysLastStep = false
            SeesWorld = false
            MainBody = 1
        }

    /// The options with what the keywords say.
    let private withKeywords (standard: WalkerOptions) (values: RobotKeywords.Values) : WalkerOptions =
        let number standard name = RobotKeywords.numberOr standard values name
        let flag standard name = RobotKeywords.flagOr standard values name
        let skip = RobotKeywords.frameSkipOf values standard.Settings.FrameSkip

        { standard with
            Settings = { standard.Settings with FrameSkip = skip }
            ForwardRewardWeight = number standard.ForwardRewardWeight "forward_reward_weight"
            ControlCostWeight = number standard.ControlCostWeight "ctrl_cost_weight"
            ContactCostWeight = number standard.ContactCostWeight "contact_cost_weight"
            HealthyReward = number standard.HealthyReward "healthy_reward"
            TerminateWhenUnhealthy = flag true "terminate_when_unhealthy"
            HealthyHeight = RobotKeywords.rangeOr standard.HealthyHeight values "healthy_z_range"
            ResetNoiseScale = number standard.ResetNoiseScale "reset_noise_scale"
            HidesPlace = flag true "exclude_current_positions_from_observation"
            SeesInertias = flag standard.SeesInertias "include_cinert_in_observation"
            SeesVelocities = flag standard.SeesVelocities "include_cvel_in_observation"
            SeesActuation = flag standard.SeesActuation "include_qfrc_actuator_in_observation"
            SeesContacts = flag standard.SeesContacts "include_cfrc_ext_in_observation"
        }

    let private includes (name: string) (what: string) = Keyword.flag name true $"whether {what} are seen"

    let private common (version: int) (standard: WalkerOptions) =
        [
            if version >= 5 then RobotKeywords.frameSkip standard.Settings.FrameSkip
            if version >= 5 || standard.ForwardRewardWeight <> 1.0 then
                RobotKeywords.weight "forward_reward_weight" standard.ForwardRewardWeight "for each m/s ahead"
            RobotKeywords.weight "ctrl_cost_weight" standard.ControlCostWeight "for the squares of the controls"
            RobotKeywords.weight "healthy_reward" standard.HealthyReward "for each step in which the robot stands"
            RobotKeywords.terminates
            RobotKeywords.range
                "healthy_z_range"
                standard.HealthyHeight.Low
                standard.HealthyHeight.High
                "heights, in m, at which the robot stands"
            RobotKeywords.noise standard.ResetNoiseScale
            RobotKeywords.hidesPlace
        ]

    /// The body of a number or name.
    let private bodyOf (robot: string) (values: RobotKeywords.Values) =
        let model = RobotModels.find robot
        let value = Keyword.textOf values "main_body"

        match Int32.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture) with
        | true, index when index > 0 && index < model.Bodies.Length -> index
        | true, index ->
            Guard.fail "main_body" $"main_body is {index}; it must be from 1 to {model.Bodies.Length - 1}, or a name."
        | _ ->
            match model.Bodies |> Array.tryFindIndex (fun body -> body.Name = value) with
            | Some index -> index
            | None ->
                let names = model.Bodies |> Array.map _.Name |> Array.filter (fun name -> name <> "" && name <> "world")
                let list = String.Join(", ", names)
                Guard.fail "main_body" $"main_body is \"{value}\"; it must be a number or one of {list}."

    let private contactRange (standard: WalkerOptions) name what =
        RobotKeywords.range name standard.ContactRange.Low standard.ContactRange.High what

    let private contactWeight (standard: WalkerOptions) =
        RobotKeywords.weight "contact_cost_weight" standard.ContactCostWeight "for the squares of the contact forces"

    let private antSettings version = RunnerEntries.settings $"Ant-v{version}" "ant" 5 1000 6000.0 View.Oblique 5.0 1

    let private antSummary = "Walk ahead on four legs."

    let private ant5: RegistryEntry =
        let standard = walker (antSettings 5)

        {
            Id = standard.Settings.Id
            Summary = antSummary
            Keywords =
                common 5 standard
                @ [
                    contactWeight standard
                    contactRange standard "contact_force_range" "bounds of each number of the contact forces"
                    Keyword.text "main_body" "1" [] "the body whose speed is rewarded, by its number or name"
                    includes "include_cfrc_ext_in_observation" "contact forces"
                ]
            Create =
                fun values ->
                    RobotEnvironment.create (
                        AntTask
                            { withKeywords standard values with
                                MainBody = bodyOf standard.Settings.Robot values
                                ContactRange = RobotKeywords.rangeOf values "contact_force_range"
                            }
                    )
        }

    let private ant4: RegistryEntry =
        let standard = { walker (antSettings 4) with PaysLastStep = true; SeesWorld = true }

        {
            Id = standard.Settings.Id
            Summary = antSummary
            Keywords =
                common 4 standard
                @ [
                    Keyword.flag "use_contact_forces" false "whether contact forces are seen and cost something"
                    contactWeight standard
                    contactRange standard "contact_force_range" "bounds of each number of the contact forces"
                ]
            Create =
                fun values ->
                    let usesContacts = Keyword.isSet values "use_contact_forces"

                    RobotEnvironment.create (
                        AntTask
                            { withKeywords standard values with
                                SeesContacts = usesContacts
                                PaysContacts = usesContacts
                                ContactRange = RobotKeywords.rangeOf values "contact_force_range"
                            }
                    )
        }

    /// What humanoids may see besides positions and velocities.
    let private seen =
        [
            includes "include_cinert_in_observation" "inertias of the bodies"
            includes "include_cvel_in_observation" "velocities of the bodies"
            includes "include_qfrc_actuator_in_observation" "forces of the actuators"
            includes "include_cfrc_ext_in_observation" "contact forces"
        ]

    let private humanoid version : RegistryEntry =
        let settings = RunnerEntries.settings $"Humanoid-v{version}" "humanoid" 5 1000 nan View.Oblique 4.0 1

        let standard =
            { walker settings with
                ForwardRewardWeight = 1.25
                ControlCostWeight = 0.1
                ContactCostWeight = 5e-7
                ContactRange = { Low = -infinity; High = 10.0 }
                HealthyReward = 5.0
                HealthyHeight = { Low = 1.0; High = 2.0 }
                ResetNoiseScale = 0.01
                SeesInertias = true
                SeesVelocities = true
                SeesActuation = true
                PaysContacts = version >= 5
                PaysLastStep = version < 5
                SeesWorld = version < 5
            }

        {
            Id = standard.Settings.Id
            Summary = "Walk ahead as a humanoid without falling."
            Keywords =
                [
                    yield! common version standard
                    if version >= 5 then
                        contactWeight standard
                        contactRange standard "contact_cost_range" "bounds of the cost of the contact forces"
                        yield! seen
                ]
            Create =
                fun values ->
                    let range = RobotKeywords.rangeOr standard.ContactRange values "contact_cost_range"
                    RobotEnvironment.create (HumanoidTask { withKeywords standard values with ContactRange = range })
        }

    let private humanoidStandup version : RegistryEntry =
        let settings =
            RunnerEntries.settings $"HumanoidStandup-v{version}" "humanoid_standup" 5 1000 nan View.Oblique 4.0 1

        let standard =
            { walker settings with
                ControlCostWeight = 0.1
                ContactCostWeight = 0.5e-6
                ContactRange = { Low = -infinity; High = 10.0 }
                ResetNoiseScale = 0.01
                SeesInertias = true
                SeesVelocities = true
                SeesActuation = true
                SeesWorld = version < 5
            }

        {
            Id = standard.Settings.Id
            Summary = "Stand up as a humanoid that lies on its back."
            Keywords =
                if version < 5 then
                    []
                else
                    [
                        RobotKeywords.frameSkip standard.Settings.FrameSkip
                        RobotKeywords.weight
                            "uph_cost_weight"
                            standard.ForwardRewardWeight
                            "for the height; Gymnasium takes it and does not use it"
                        RobotKeywords.weight
                            "ctrl_cost_weight"
                            standard.ControlCostWeight
                            "for the squares of the controls"
                        RobotKeywords.weight
                            "impact_cost_weight"
                            standard.ContactCostWeight
                            "for the squares of the contact forces"
                        contactRange standard "impact_cost_range" "bounds of the cost of the contact forces"
                        RobotKeywords.noise standard.ResetNoiseScale
                        RobotKeywords.hidesPlace
                        yield! seen
                    ]
            Create =
                fun values ->
                    let number standard name = RobotKeywords.numberOr standard values name

                    RobotEnvironment.create (
                        HumanoidStandupTask
                            { withKeywords standard values with
                                ForwardRewardWeight = number standard.ForwardRewardWeight "uph_cost_weight"
                                ContactCostWeight = number standard.ContactCostWeight "impact_cost_weight"
                                ContactRange = RobotKeywords.rangeOr standard.ContactRange values "impact_cost_range"
                            }
                    )
        }

    /// Every environment of this family.
    let all: RegistryEntry list =
        RunnerEntries.all
        @ TerrainEntries.all
        @ [ ant4; ant5; humanoid 4; humanoid 5; humanoidStandup 4; humanoidStandup 5 ]
