/// The registry's entries of the robots that get ahead in a plane, of poles and of arms.
namespace Rl.Core.Environments.Robots

open Rl.Core.Environments

[<RequireQualifiedAccess>]
module internal RunnerEntries =

    let private everything: Bounds = TaskParts.noBounds
    let private within (low: float) (high: float) : Bounds = { Low = low; High = high }

    /// A task whose pictures follow the robot.
    let settings id robot frameSkip limit threshold view width followed : TaskSettings =
        {
            Id = id
            Robot = robot
            FrameSkip = frameSkip
            MaxEpisodeSteps = limit
            RewardThreshold = threshold
            View = view
            Width = width
            Followed = followed
        }

    let private create (standard: RunnerOptions) (values: RobotKeywords.Values) =
        let number standard name = RobotKeywords.numberOr standard values name
        let range standard name = RobotKeywords.rangeOr standard values name
        let hides = RobotKeywords.flagOr true values "exclude_current_positions_from_observation"

        RobotEnvironment.create (
            RunnerTask
                { standard with
                    Settings =
                        { standard.Settings with
                            FrameSkip = RobotKeywords.frameSkipOf values standard.Settings.FrameSkip
                        }
                    ForwardRewardWeight = number standard.ForwardRewardWeight "forward_reward_weight"
                    ControlCostWeight = number standard.ControlCostWeight "ctrl_cost_weight"
                    HealthyReward = number standard.HealthyReward "healthy_reward"
                    TerminateWhenUnhealthy =
                        standard.HasHealth && RobotKeywords.flagOr true values "terminate_when_unhealthy"
                    HealthyHeight = range standard.HealthyHeight "healthy_z_range"
                    HealthyAngle = range standard.HealthyAngle "healthy_angle_range"
                    HealthyState = range standard.HealthyState "healthy_state_range"
                    ResetNoiseScale = number standard.ResetNoiseScale "reset_noise_scale"
                    Hidden = if hides then standard.Hidden else 0
                }
        )

    let private runner (settings: TaskSettings) (controlCost: float) (noise: float) : RunnerOptions =
        {
            Settings = settings
            ForwardRewardWeight = 1.0
            ControlCostWeight = controlCost
            HealthyReward = 0.0
            TerminateWhenUnhealthy = false
            HealthyHeight = everything
            HealthyAngle = everything
            HealthyState = everything
            ResetNoiseScale = noise
            Hidden = 1
            ClipsVelocities = false
            NormalVelocities = false
            PaysLastStep = false
            HasHealth = false
        }

    let private health (standard: RunnerOptions) =
        [
            RobotKeywords.weight "healthy_reward" standard.HealthyReward "for each step in which the robot stands"
            RobotKeywords.terminates
            RobotKeywords.range
                "healthy_z_range"
                standard.HealthyHeight.Low
                standard.HealthyHeight.High
                "heights, in m, at which the robot stands"
            RobotKeywords.range
                "healthy_angle_range"
                standard.HealthyAngle.Low
                standard.HealthyAngle.High
                "angles, in rad, at which the robot stands"
        ]

    let private entry (version: int) (summary: string) (standard: RunnerOptions) (more: Keyword list) : RegistryEntry =
        {
            Id = standard.Settings.Id
            Summary = summary
            Keywords =
                [
                    if version >= 5 then RobotKeywords.frameSkip standard.Settings.FrameSkip
                    RobotKeywords.weight "forward_reward_weight" standard.ForwardRewardWeight "for each m/s ahead"
                    RobotKeywords.weight "ctrl_cost_weight" standard.ControlCostWeight "for the squares of the controls"
                    if standard.HasHealth then yield! health standard
                    yield! more
                    RobotKeywords.noise standard.ResetNoiseScale
                    RobotKeywords.hidesPlace
                ]
            Create = create standard
        }

    let private halfCheetah version =
        let settings = settings $"HalfCheetah-v{version}" "half_cheetah" 5 1000 4800.0 View.Side 4.0 1
        let options = { runner settings 0.1 0.1 with NormalVelocities = true }
        entry version "Run on two legs in a plane, as fast as possible." options []

    let private swimmer version =
        let settings = settings $"Swimmer-v{version}" "swimmer" 4 1000 360.0 View.Above 8.0 1
        let options = { runner settings 1e-4 0.1 with Hidden = 2 }
        entry version "Swim with three links through a viscous medium." options []

    let private hopper version =
        let settings = settings $"Hopper-v{version}" "hopper" 4 1000 3800.0 View.Side 4.0 1

        let options =
            { runner settings 1e-3 5e-3 with
                HealthyReward = 1.0
                HealthyHeight = within 0.7 infinity
                HealthyAngle = within -0.2 0.2
                HealthyState = within -100.0 100.0
                ClipsVelocities = true
                PaysLastStep = version < 5
                HasHealth = true
            }

        entry
            version
            "Hop ahead on one leg without falling."
            options
            [
                RobotKeywords.range
                    "healthy_state_range"
                    options.HealthyState.Low
                    options.HealthyState.High
                    "bounds of all other numbers of a robot that stands"
            ]

    let private walker version =
        let robot = if version >= 5 then "walker2d" else "walker2d_v4"
        let settings = settings $"Walker2d-v{version}" robot 4 1000 nan View.Side 4.0 1

        let options =
            { runner settings 1e-3 5e-3 with
                HealthyReward = 1.0
                HealthyHeight = within 0.8 2.0
                HealthyAngle = within -1.0 1.0
                ClipsVelocities = true
                PaysLastStep = version < 5
                HasHealth = true
            }

        entry version "Walk ahead on two legs in a plane without falling." options []

    let private pole id robot frameSkip threshold version : PoleOptions =
        {
            Settings = settings $"{id}-v{version}" robot frameSkip 1000 threshold View.Side 4.0 0
            HealthyReward = 1.0
            ResetNoiseScale = 0.01
            IsVersion4 = version < 5
        }

    let private withKeywords (standard: PoleOptions) (values: RobotKeywords.Values) =
        let skip = RobotKeywords.frameSkipOf values standard.Settings.FrameSkip

        { standard with
            Settings = { standard.Settings with FrameSkip = skip }
            HealthyReward = RobotKeywords.numberOr standard.HealthyReward values "healthy_reward"
            ResetNoiseScale = RobotKeywords.numberOr standard.ResetNoiseScale values "reset_noise_scale"
        }

    let private invertedPendulum version : RegistryEntry =
        let standard = pole "InvertedPendulum" "inverted_pendulum" 2 950.0 version

        {
            Id = standard.Settings.Id
            Summary = "Keep a pole upright by pushing its cart."
            Keywords =
                if version < 5 then
                    []
                else
                    [ RobotKeywords.frameSkip 2; RobotKeywords.noise 0.01 ]
            Create = fun values -> RobotEnvironment.create (InvertedPendulumTask(withKeywords standard values))
        }

    let private invertedDoublePendulum version : RegistryEntry =
        let standard =
            { pole "InvertedDoublePendulum" "inverted_double_pendulum" 5 9100.0 version with
                HealthyReward = 10.0
                ResetNoiseScale = 0.1
            }

        {
            Id = standard.Settings.Id
            Summary = "Keep two poles upright, one upon the other, by pushing their cart."
            Keywords =
                if version < 5 then
                    []
                else
                    [
                        RobotKeywords.frameSkip 5
                        RobotKeywords.weight "healthy_reward" 10.0 "for each step in which the tip is above 1 m"
                        RobotKeywords.noise 0.1
                    ]
            Create = fun values -> RobotEnvironment.create (InvertedDoublePendulumTask(withKeywords standard values))
        }

    let private arm (standard: ReachingOptions) (hasNear: bool) (summary: string) (task: ReachingOptions -> RobotTask) =
        let isVersion4 = standard.IsVersion4

        {
            Id = standard.Settings.Id
            Summary = summary
            Keywords =
                if isVersion4 then
                    []
                else
                    [
                        RobotKeywords.frameSkip standard.Settings.FrameSkip
                        if hasNear then
                            RobotKeywords.weight "reward_near_weight" standard.NearWeight "for each m to the object"
                        RobotKeywords.weight "reward_dist_weight" standard.DistanceWeight "for each m to the target"
                        RobotKeywords.weight
                            "reward_control_weight"
                            standard.ControlWeight
                            "for the squares of the controls"
                    ]
            Create =
                fun values ->
                    let skip = RobotKeywords.frameSkipOf values standard.Settings.FrameSkip

                    RobotEnvironment.create (
                        task
                            { standard with
                                Settings = { standard.Settings with FrameSkip = skip }
                                NearWeight = RobotKeywords.numberOr standard.NearWeight values "reward_near_weight"
                                DistanceWeight =
                                    RobotKeywords.numberOr standard.DistanceWeight values "reward_dist_weight"
                                ControlWeight =
                                    RobotKeywords.numberOr standard.ControlWeight values "reward_control_weight"
                            }
                    )
        }
        : RegistryEntry

    let private reacher version =
        let standard: ReachingOptions =
            {
                Settings = settings $"Reacher-v{version}" "reacher" 2 50 -3.75 View.Above 0.9 0
                DistanceWeight = 1.0
                NearWeight = 0.0
                ControlWeight = 1.0
                IsVersion4 = version < 5
            }

        arm standard false "Bring the fingertip of an arm to a target." (fun options -> ReacherTask options)

    let private pusher version =
        let robot = if version >= 5 then "pusher" else "pusher_v4"

        let standard: ReachingOptions =
            {
                Settings = settings $"Pusher-v{version}" robot 5 100 0.0 View.Above 2.4 0
                DistanceWeight = 1.0
                NearWeight = 0.5
                ControlWeight = 0.1
                IsVersion4 = version < 5
            }

        arm standard true "Push an object to a goal with an arm." (fun options -> PusherTask options)

    /// Both versions of each.
    let all: RegistryEntry list =
        [
            for version in [ 4; 5 ] do
                halfCheetah version
                swimmer version
                hopper version
                walker version
                invertedPendulum version
                invertedDoublePendulum version
                reacher version
                pusher version
        ]
